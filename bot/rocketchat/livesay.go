package rocketchat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

// usualLength is how long a message may be in a workspace that nobody changed
// (Message_MaxAllowedSize). X takes twice that.
const usualLength = 5000

// words are a customer's message as agents read it, before it is escaped: text,
// small print, and where the buttons lead that it can't have.
func words(m bot.Message) string {
	if len(m.Blocks) == 0 {
		return clean(m.Text)
	}
	var lines []string
	for _, b := range m.Blocks {
		var line strings.Builder
		for _, s := range b.Spans {
			line.WriteString(s.Text)
		}
		for _, x := range b.Buttons {
			if x.URL != "" {
				line.WriteString(x.Label + ": " + x.URL)
			}
		}
		if s := line.String(); strings.TrimSpace(s) != "" {
			lines = append(lines, s)
		}
	}
	return clean(strings.Join(lines, "\n"))
}

// length counts as the server does: in units of UTF-16.
func length(s string) (n int) {
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// pieces cuts a text where words end, so that each piece is short enough once it
// is escaped, and escapes them. A most of 0 is no limit.
func pieces(text string, most int) (out []string) {
	for text = strings.TrimSpace(text); text != ""; {
		head := text
		for most > 0 {
			n := length(escape(head))
			if n <= most {
				break
			}
			at := len(head) * most / (n + 1) // never all of it
			for at > 0 && !utf8.RuneStart(head[at]) {
				at--
			}
			if at == 0 {
				_, at = utf8.DecodeRuneInString(head)
			}
			if at == len(head) {
				break // it can't be shorter
			}
			head = head[:at]
		}
		if head != text {
			if i := strings.LastIndexAny(head, "\n "); i > len(head)/2 {
				head = head[:i]
			}
		}
		text = strings.TrimSpace(text[len(head):])
		if head = strings.TrimSpace(head); head != "" {
			out = append(out, escape(head))
		}
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

// parts are the pieces of a text as this workspace has to be given them.
func (a *Adapter) parts(ctx context.Context, text string, most int) []string {
	out := pieces(text, most)
	if a.reads(ctx).formulas {
		for i, s := range out {
			out[i] = prices(s)
		}
	}
	return out
}

// partID is the ID of a piece of a message that was too long for one. The last
// piece has the message's own: where that is, all are.
func partID(id string, n int) string { return messageKey(id + "/" + strconv.Itoa(n)) }

// tell writes what a customer said, as one message or, where that would be too
// long, as several.
func (a *Adapter) tell(ctx context.Context, rid, token string, m bot.Message) (bot.MessageRef, error) {
	id, text := messageKey(m.Key), words(m)
	err := a.tellAll(ctx, rid, token, id, a.parts(ctx, text, a.customers.longest()))
	if tooLong(err) {
		var most int
		if most, err = a.textLimit(ctx); err != nil {
			return "", err
		}
		err = a.tellAll(ctx, rid, token, id, a.parts(ctx, text, most))
	}
	if err != nil {
		return "", err
	}
	return messageRef(rid, id), nil
}

func (a *Adapter) tellAll(ctx context.Context, rid, token, id string, parts []string) error {
	for i, text := range parts {
		as := id
		if i < len(parts)-1 {
			as = partID(id, i)
		}
		if err := a.tellOne(ctx, rid, token, as, text); err != nil {
			return err
		}
	}
	return nil
}

func tooLong(err error) bool {
	c := code(err)
	return c == "message-length-exceeds-character-limit" || c == "error-message-size-exceeded"
}

// textLimit asks how long what customers write may be.
func (a *Adapter) textLimit(ctx context.Context) (int, error) {
	c, err := a.service(ctx)
	if err != nil {
		return 0, unsent(err)
	}
	most, err := strconv.Atoi(strings.Trim(string(c.Settings.Limit), `"`))
	if err != nil || most <= 0 {
		most = usualLength
	}
	a.customers.limit(most)
	return most, nil
}

func (c *customers) limit(most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.most = most
}

func (c *customers) longest() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// tellOne writes one message. One that is there already is told.
func (a *Adapter) tellOne(ctx context.Context, rid, token, id, text string) error {
	var out struct {
		Message struct {
			Room string `json:"rid"`
		}
	}
	body := map[string]string{"token": token, "rid": rid, "msg": text, "_id": id}
	err := a.rest.call(ctx, request{route: "POST livechat/message", body: body}, &out)
	if c := code(err); c == "refused" || c == "room-closed" {
		// The server says no more than that it won't of an ID that is there.
		switch m, gerr := a.getAnywhere(ctx, id); {
		case gerr == nil:
			out.Message.Room, err = m.Room, nil
		case temporary(gerr):
			return gerr // the same again is harmless
		case !errors.Is(gerr, bot.ErrNotFound):
			return fmt.Errorf("rocketchat: it is not known whether the message is there: %v", gerr) //nolint:errorlint // its refusal is none of the message
		}
	}
	if other := out.Message.Room; err == nil && other != "" && other != rid {
		// The room was closed in the very moment of writing, and the server made a new
		// one of its own. The message is told there once the customer is led there.
		switch derr := a.drop(ctx, other, id, token); {
		case derr != nil && (code(derr) == "" || temporary(derr)):
			return unsent(derr) // the same again finds it
		case derr != nil:
			// Twice is better than in a room that nobody leads the customer to.
			a.log.WarnContext(ctx, "a customer's message is there twice: the workspace lets nobody delete", "room", other, "err", derr)
		}
		return &bot.Error{Code: "room-closed", Message: sentences()["room-closed"]}
	}
	return err
}

// shut stores what agents said in a room that turns out to be closed: the customer
// is led to another one now, and what is said there is not to overtake it.
func (a *Adapter) shut(ctx context.Context, rid string, err error) error {
	sink := a.sink.Load()
	if sink == nil || code(err) != "room-closed" {
		return err
	}
	if rerr := a.readRoom(ctx, *sink, rid, longAgo); rerr != nil {
		return unsent(rerr) // the same again is harmless
	}
	return err
}

func temporary(err error) bool {
	e, ok := errors.AsType[*bot.Error](err)
	return ok && e.Temporary
}

// drop deletes a message of a customer: only they may.
func (a *Adapter) drop(ctx context.Context, rid, id, token string) error {
	r := request{
		route: "DELETE livechat/message/:id", path: "livechat/message/" + url.PathEscape(id),
		body: map[string]string{"token": token, "rid": rid},
	}
	err := a.rest.call(ctx, r, nil)
	if code(err) == "invalid-message" {
		return nil
	}
	return err
}

// dropParts deletes the pieces of a message that was too long for one.
func (a *Adapter) dropParts(ctx context.Context, rid, id, token string) error {
	for n := 0; ; n++ {
		_, err := a.get(ctx, rid, partID(id, n))
		if errors.Is(err, bot.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.drop(ctx, rid, partID(id, n), token); err != nil {
			return err
		}
	}
}

// retell changes what a customer said. What no longer fits into one message is
// cut: the whole is on X.
func (a *Adapter) retell(ctx context.Context, rid, id, token string, m bot.Message) error {
	put := func(most int) error {
		all := a.parts(ctx, words(m), most)
		if len(all) > 1 {
			all[0] = a.parts(ctx, words(m), most-1)[0] + "…"
		}
		body := map[string]string{"token": token, "rid": rid, "msg": all[0]}
		return a.rest.call(ctx, request{route: "PUT livechat/message/:id", path: "livechat/message/" + url.PathEscape(id), body: body}, nil)
	}
	err := put(a.customers.longest())
	if tooLong(err) {
		var most int
		if most, err = a.textLimit(ctx); err != nil {
			return err
		}
		err = put(most)
	}
	if err != nil {
		return err
	}
	return a.dropParts(ctx, rid, id, token)
}

// fileNameOf is the name under which a customer's file is shown. The server
// takes no ID of ours for a file, so that its name tells whether it is there.
func fileNameOf(u bot.Upload) string {
	if u.Key == "" {
		return u.Name
	}
	sum := sha256.Sum256([]byte("perch file " + u.Key))
	ext := path.Ext(u.Name)
	return strings.TrimSuffix(u.Name, ext) + "-" + hex.EncodeToString(sum[:4]) + ext
}

// tellFile shows a customer's file, once: one that is there already is found.
func (a *Adapter) tellFile(ctx context.Context, rid, token string, u bot.Upload) (string, error) {
	u.Name = fileNameOf(u)
	if u.Key != "" {
		if id, err := a.toldFile(ctx, rid, u.Name); err != nil || id != "" {
			return id, err
		}
	}
	fields := map[string]string{}
	if words := cmp.Or(u.Text, u.Alt); words != "" {
		fields["description"] = escape(cut(clean(words), 1000))
	}
	body, content := form(ctx, u, fields)
	defer func() { _ = body.Close() }()
	var out struct {
		ID string `json:"_id"`
	}
	r := request{route: "POST livechat/upload/:rid", path: "livechat/upload/" + url.PathEscape(rid), stream: body, content: content, visitor: token}
	err := a.rest.files().call(ctx, r, &out)
	if code(err) == "forbidden" {
		// All that the server says of a room that is closed.
		if open, oerr := a.openRoom(ctx, token); oerr == nil && open.ID != rid {
			return "", &bot.Error{Code: "room-closed", Message: sentences()["room-closed"], Err: err}
		}
	}
	return out.ID, err
}

// toldFile finds the message with a file of a customer.
func (a *Adapter) toldFile(ctx context.Context, rid, name string) (string, error) {
	updated, _, err := a.sync(ctx, rid, a.now().Add(-longAgo))
	if err != nil {
		return "", unsent(err)
	}
	for _, m := range updated {
		for _, f := range m.files() {
			if m.Token != "" && f.Name == name {
				return m.ID, nil
			}
		}
	}
	return "", nil
}
