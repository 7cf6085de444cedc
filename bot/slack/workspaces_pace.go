package slack

import (
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Pacer = (*Workspaces)(nil)

// Lanes names the queues of Slack's limits, which each workspace has its own
// of. See [bot.Pacer].
func (w *Workspaces) Lanes(kind, ref string, on bool) []string {
	return (&Adapter{refs: refs{team: teamOf(ref)}}).Lanes(kind, ref, on)
}

// Left says how much of a limit is left. See [bot.Pacer].
func (w *Workspaces) Left(lane string) (int, time.Time) {
	ref, _ := strings.CutPrefix(lane, "chat:")
	w.mu.Lock()
	ws := w.open[teamOf(ref)]
	w.mu.Unlock()
	if ws == nil {
		return 0, time.Time{}
	}
	return ws.Left(lane)
}
