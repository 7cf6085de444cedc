package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// maxRaw bounds what is kept of a delivery that can't be read.
const maxRaw = 64 << 10

// unread stores a delivery that can't be read, so that somebody can look into
// it. It returns nil once the delivery may be acknowledged: Slack would only
// send the same again. Its words stay out of the log.
func (a *Adapter) unread(ctx context.Context, sink bot.Sink, raw []byte, why error) error {
	a.stats.undecoded.Add(1)
	a.log.Warn("slack sent what can't be read; stored and acknowledged all the same", "bytes", len(raw), "err", why)
	ctx, cancel := context.WithTimeout(ctx, eventPatience)
	defer cancel()
	if err := a.store(ctx, sink, unreadEvent(raw, why)); err != nil {
		a.stats.refused.Add(1)
		return fmt.Errorf("slack: store what can't be read: %w", err)
	}
	return nil
}

// unreadEvent tells of a delivery that can't be read. The same bytes are the
// same event, however often they come.
func unreadEvent(raw []byte, why error) bot.Event {
	sum := sha256.Sum256(raw)
	return bot.Event{
		ID: "undecoded:" + hex.EncodeToString(sum[:16]), Platform: Platform, Kind: bot.EventUndecoded, At: time.Now().UTC(),
		Text: cut(clean(why.Error()), 500), Raw: rawText(raw),
	}
}

// rawText is the beginning of bytes as a text that JSON can hold.
func rawText(raw []byte) string {
	s := strings.ToValidUTF8(string(raw[:min(len(raw), maxRaw)]), "\uFFFD")
	for len(s) > maxRaw { // a replaced byte takes more room than it had
		s = strings.ToValidUTF8(s[:maxRaw], "")
	}
	return s
}
