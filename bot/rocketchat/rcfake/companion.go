package rcfake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Companion is Perch's app in the workspace, as far as Perch and people see it:
// it says what rocketchat-app says, and does what that does. The app itself is
// tried in Rocket.Chat's own AppManager, in the tests of bot/rocketchat.
type Companion struct {
	s             *Server
	secret, perch string
	http          *http.Client

	mu       sync.Mutex
	deaf     bool // see Deaf
	said     int
	greeted  int
	settings map[string]string
	views    []View
}

// View is a window that a person was shown.
type View struct {
	Who, ID, Title string
	Fields         map[string]string // with what stands in them at first
}

// InstallCompanion installs and enables the app, with the secret that it shares
// with the Perch at an address. It says hello.
func (s *Server) InstallCompanion(ctx context.Context, secret, perch string) (*Companion, error) {
	c := &Companion{s: s, secret: secret, perch: perch, http: &http.Client{}, settings: map[string]string{}}
	s.SetApps(c)
	return c, c.Hello(ctx)
}

// Hello asks Perch for the settings that count, as the app does when it is
// enabled.
func (c *Companion) Hello(ctx context.Context) error {
	var out struct{ Settings map[string]string }
	if err := c.tell(ctx, obj{"type": "settings", "settings": obj{}}, &out); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.settings, out.Settings)
	return nil
}

// Uninstall removes the app. Its goodbye makes the buttons that others have
// taken the place of go from its blocks.
func (c *Companion) Uninstall(ctx context.Context) error {
	var out struct{ Messages []struct{ ID string } }
	err := c.tell(ctx, obj{"type": "bye"}, &out)
	for _, m := range out.Messages {
		_ = c.s.do(func() error {
			for _, r := range c.s.st.rooms {
				if x := r.find(m.ID); x != nil {
					var kept []any
					for _, b := range x.blocks {
						if o, _ := b.(map[string]any); o["type"] != "actions" {
							kept = append(kept, b)
						}
					}
					x.blocks = kept
					c.s.touched(r, x)
				}
			}
			return nil
		})
	}
	c.s.SetApps(nil)
	return err
}

// Vanish takes the app away without a word, as an end of the licence does.
func (c *Companion) Vanish() { c.s.SetApps(nil) }

// Return brings it back, without a word too.
func (c *Companion) Return() { c.s.SetApps(c) }

// Deaf has the app answer nothing any more, or again.
func (c *Companion) Deaf(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = on
}

// Greeted is how often Perch asked whether the app is there.
func (c *Companion) Greeted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.greeted
}

// Settings are the values on the app's page.
func (c *Companion) Settings() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.settings)
}

// Set changes a value on the app's page.
func (c *Companion) Set(ctx context.Context, key, value string) error {
	if err := c.tell(ctx, obj{"type": "settings", "settings": obj{key: value}}, nil); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings[key] = value
	return nil
}

// Views are the windows that were shown, oldest first.
func (c *Companion) Views() []View {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]View(nil), c.views...)
}

// Command has a person use a command of the app's.
func (c *Companion) Command(ctx context.Context, username, rid, command, text string) error {
	u, r := c.place(username, rid)
	return c.tell(ctx, obj{"type": "command", "user": u, "room": r, "command": command, "text": text, "trigger": c.trigger()}, nil)
}

// Press has a person press a button in a message's blocks, by its text. One with
// an address returns it.
func (c *Companion) Press(ctx context.Context, username, rid, id, text string) (url string, err error) {
	u, r := c.place(username, rid)
	var found obj
	thread := ""
	_ = c.s.do(func() error {
		if room := c.s.st.rooms[rid]; room != nil {
			if m := room.find(id); m != nil {
				thread = m.tmid
				for _, b := range m.uiButtons() {
					if t, _ := b["text"].(map[string]any); t["text"] == text {
						found = b
					}
				}
			}
		}
		return nil
	})
	if found == nil {
		return "", fmt.Errorf("rcfake: no button %q in the blocks", text)
	}
	if to, _ := found["url"].(string); to != "" {
		return to, nil
	}
	return "", c.tell(ctx, obj{
		"type": "action", "user": u, "room": r, "message": id, "thread": thread, "value": found["value"], "trigger": c.trigger(),
	}, nil)
}

// Submit has a person send a window.
func (c *Companion) Submit(ctx context.Context, v View, fields map[string]string) error {
	u, _ := c.place(v.Who, "")
	return c.tell(ctx, obj{"type": "submit", "user": u, "view": v.ID, "fields": fields, "trigger": c.trigger()}, nil)
}

func (c *Companion) trigger() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said++
	return "trigger" + strconv.Itoa(c.said)
}

func (c *Companion) place(username, rid string) (u, r obj) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	u, r = obj{}, obj{}
	if x := c.s.st.userByName(username); x != nil {
		u = obj{"id": x.ID, "username": x.Username, "name": x.Name}
	}
	if x := c.s.st.rooms[rid]; x != nil {
		r = obj{"id": x.id, "name": x.name, "type": x.kind}
	}
	return u, r
}

// tell posts to Perch, signed.
func (c *Companion) tell(ctx context.Context, what obj, out any) error {
	c.mu.Lock()
	c.said++
	what["id"], what["at"] = "said"+strconv.Itoa(c.said), time.Now().UTC().Format(time.RFC3339Nano)
	c.mu.Unlock()
	body, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("rcfake: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.perch+"/rocketchat/app", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("rcfake: %w", err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Perch-Timestamp", stamp)
	req.Header.Set("X-Perch-Signature", c.sign("v1:"+stamp+":"+string(body)))
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("rcfake: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("rcfake: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("rcfake: perch refused: %d %s", res.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

func (c *Companion) sign(text string) string {
	mac := hmac.New(sha256.New, []byte(c.secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// ServeHTTP is the app's endpoint.
func (c *Companion) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	deaf := c.deaf
	c.mu.Unlock()
	if deaf {
		cut(w)
		return
	}
	var in struct{ Said string }
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in); err != nil {
		write(w, http.StatusBadRequest, nil, obj{"ok": false, "error": obj{"code": "invalid", "message": err.Error()}})
		return
	}
	stamp := r.Header.Get("X-Perch-Timestamp")
	if !hmac.Equal([]byte(c.sign("to-app:v1:"+stamp+":"+in.Said)), []byte(r.Header.Get("X-Perch-Signature"))) {
		write(w, http.StatusUnauthorized, nil, obj{"ok": false, "error": obj{"code": "unauthorized", "message": "The shared secret is another one."}})
		return
	}
	var said obj
	if err := json.Unmarshal([]byte(in.Said), &said); err != nil {
		write(w, http.StatusBadRequest, nil, obj{"ok": false, "error": obj{"code": "invalid", "message": err.Error()}})
		return
	}
	out, f := c.run(said)
	if f != nil {
		write(w, f.status, nil, obj{"ok": false, "error": obj{"code": cmp.Or(f.kind, "failed"), "message": f.error}})
		return
	}
	out["ok"] = true
	write(w, http.StatusOK, nil, out)
}

func (c *Companion) run(said obj) (obj, *failure) {
	switch said["type"] {
	case "hello":
		c.mu.Lock()
		c.greeted++
		now, _ := said["settings"].(map[string]any)
		for k, v := range now {
			c.settings[k] = fmt.Sprint(v)
		}
		c.mu.Unlock()
		_ = c.s.do(func() error { return nil }) // for those who wait
		return obj{}, nil
	case "enter":
		visitor, _ := said["visitor"].(map[string]any)
		return c.enter(visitor, str(said, "label"))
	case "edit":
		var text *string
		if t, ok := said["text"].(string); ok {
			text = &t
		}
		blocks, _ := said["blocks"].([]any)
		attachments, _ := said["attachments"].([]any)
		if err := c.s.AppEdits(str(said, "message"), text, blocks, attachments); err != nil {
			return nil, &failure{status: http.StatusGone, kind: "no_message", error: "There is no such message of Perch."}
		}
		return obj{}, nil
	case "open":
		view, _ := said["view"].(map[string]any)
		return obj{}, c.open(str(said, "user"), view)
	}
	return nil, &failure{status: http.StatusBadRequest, kind: "unknown", error: "unknown"}
}

// enter brings a customer into a room whose source is the app.
func (c *Companion) enter(in obj, label string) (out obj, f *failure) {
	_ = c.s.do(func() error {
		st := &c.s.st
		v := st.visitors[str(in, "token")]
		dep := st.dep(str(in, "department"))
		if dep == nil && str(in, "department") != "" {
			f = &failure{status: http.StatusUnprocessableEntity, kind: "error-invalid-department", error: "There is no such department."}
			return nil
		}
		if v == nil {
			v = &visitor{id: c.s.newID(), token: str(in, "token"), username: str(in, "username"), fields: obj{}}
			st.visitors[v.token] = v
		}
		v.name = str(in, "name")
		if dep != nil {
			v.department = dep.id
		}
		r := st.openRoom(v.token)
		fresh := r == nil
		if r == nil {
			if r, f = c.s.begin(v); f != nil {
				f.status = http.StatusInternalServerError
				return nil
			}
			r.source = label
		}
		out = obj{"room": r.id, "fresh": fresh, "served": r.agent != nil}
		return nil
	})
	return out, f
}

func (c *Companion) open(user string, view obj) *failure {
	v := View{ID: str(view, "id"), Fields: map[string]string{}}
	title, _ := view["title"].(map[string]any)
	v.Title = str(title, "text")
	blocks, _ := view["blocks"].([]any)
	for _, b := range blocks {
		o, _ := b.(map[string]any)
		e, _ := o["element"].(map[string]any)
		v.Fields[str(e, "actionId")] = str(e, "initialValue")
	}
	_ = c.s.do(func() error {
		if u := c.s.st.users[user]; u != nil {
			v.Who = u.Username
		}
		return nil
	})
	if v.Who == "" {
		return &failure{status: http.StatusUnprocessableEntity, kind: "invalid", error: "nobody"}
	}
	c.mu.Lock()
	c.views = append(c.views, v)
	c.mu.Unlock()
	_ = c.s.do(func() error { return nil }) // for those who wait
	return nil
}

// uiButtons are the buttons in a message's blocks.
func (m *message) uiButtons() (out []obj) {
	for _, b := range m.blocks {
		o, _ := b.(map[string]any)
		parts, _ := o["elements"].([]any)
		for _, p := range parts {
			if e, _ := p.(map[string]any); o["type"] == "actions" && e["type"] == "button" {
				out = append(out, e)
			}
		}
	}
	return out
}

// uiText is what a message's blocks say, a line each.
func (m *message) uiText() string {
	var lines []string
	add := func(v any) {
		switch t := v.(type) {
		case string:
			lines = append(lines, t)
		case map[string]any:
			if s := str(t, "text"); s != "" {
				lines = append(lines, s)
			}
		}
	}
	for _, b := range m.blocks {
		o, _ := b.(map[string]any)
		add(o["text"])
		for _, key := range []string{"fields", "elements"} {
			parts, _ := o[key].([]any)
			for _, p := range parts {
				e, _ := p.(map[string]any)
				if e["type"] != "button" {
					add(e["text"])
				}
			}
		}
	}
	return strings.Join(lines, "\n")
}
