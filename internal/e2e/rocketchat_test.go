package e2e

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// rocketStage is a Rocket.Chat workspace, played through its stand-in. What the
// bot says to one person comes to the room that they have with it alone: it is
// seen here wherever that person looks, as they would see the notice of it.
type rocketStage struct {
	*rcfake.Server
	url   string
	rooms map[string]string // ID by name
	said  int               // how many commands were given
	web   *http.Client      // the people's browsers
}

var _ stage = (*rocketStage)(nil)

// newRocket makes a workspace with the crew and three rooms, until end is called.
func newRocket() (s *rocketStage, end func(), err error) { return newRocketOf(rcfake.Options{}) }

func newRocketOf(o rcfake.Options) (s *rocketStage, end func(), err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, nil, err
	}
	s = &rocketStage{Server: rcfake.New(o), rooms: map[string]string{}, web: &http.Client{Jar: jar, Timeout: patience}}
	srv := httptest.NewServer(s.Handler())
	s.url = srv.URL
	everybody := []string{"twitter.bot"}
	for name, real := range crew() {
		s.AddUser(rcfake.User{Username: name, Name: real})
		everybody = append(everybody, name)
	}
	for _, name := range []string{"setup", "support", "incidents"} {
		s.rooms[name] = s.AddRoom(name, name != "incidents", everybody...)
	}
	s.Set("Message_AllowUnrecognizedSlashCommand", true)
	return s, func() {
		s.Close()
		srv.CloseClientConnections()
		srv.Close()
	}, nil
}

// rocketPlay is a play in a Rocket.Chat workspace.
func rocketPlay(dir string) (*play, func(), error) {
	s, endChat, err := newRocket()
	if err != nil {
		return nil, nil, err
	}
	id, secret := s.Bot()
	p, endX, err := served(dir, s, map[string]any{"rocketchat": map[string]any{"url": s.url, "user_id": id, "token": secret}})
	return p, func() {
		p.kill()
		endChat()
		endX()
	}, err
}

func (*rocketStage) name() string                 { return "rocketchat" }
func (*rocketStage) user(name string) string      { return "rocketchat:U" + name }
func (*rocketStage) group(string) string          { return "" }
func (s *rocketStage) channel(name string) string { return "rocketchat:" + s.room(name) }

// room is the ID of a room; @casey_r and post:@casey_r are the newest of a
// customer's rooms, for what they write in private and in public.
func (s *rocketStage) room(name string) string {
	if id := s.rooms[name]; id != "" {
		return id
	}
	handle, public := strings.CutPrefix(name, "post:")
	for _, r := range slices.Backward(s.Rooms("")) {
		if r.Name == name && name != "" {
			return r.ID
		}
		if r.Kind == "l" && strings.Contains(r.Visitor, "("+handle+")") && strings.HasPrefix(r.Visitor, "Public post of ") == public {
			return r.ID
		}
	}
	return ""
}

// place is the room of a place of the scripts.
func (s *rocketStage) place(who, name string) string {
	if name == "bot" {
		return s.DirectRoom(who)
	}
	return s.room(name)
}

// ready waits until Perch listens: before, it would catch up, but later.
func (s *rocketStage) ready() error {
	return eventually(func() error {
		if !s.Subscribed("stream-room-messages", "__my_messages__") {
			return fmt.Errorf("perch is not connected to Rocket.Chat")
		}
		return nil
	})
}

// settled: the realtime connection keeps the order in which things happened.
func (*rocketStage) settled() error { return nil }

func (s *rocketStage) sees(who, place string) ([]seen, error) {
	if place == "home" {
		return nil, errNone
	}
	direct := s.DirectRoom(who)
	var list []rcfake.Message
	if place != "bot" {
		room := s.room(place)
		if !slices.ContainsFunc(s.Rooms(""), func(r rcfake.Room) bool { return r.ID == room && (r.Kind == "l" || slices.Contains(r.Members, who)) }) {
			return nil, fmt.Errorf("%s is not in #%s", who, place)
		}
		list = s.Messages(room)
	}
	list = append(list, s.Messages(direct)...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].At.Before(list[j].At) })
	var out []seen
	for _, m := range list {
		if strings.Contains(m.Text, "/rocketchat/pressed?") {
			continue // what a button wrote, which nobody reads
		}
		out = append(out, s.seen(who, m, m.Room == direct))
	}
	return out, nil
}

var (
	rocketHead    = regexp.MustCompile(`(?m)^### .*$`)
	rocketLink    = regexp.MustCompile(`\[((?:\\.|[^\]\\])*)\]\(([^)\s]+)\)`)
	rocketEscaped = regexp.MustCompile("\\\\([*_~`#])")
	rocketStyles  = []*regexp.Regexp{
		regexp.MustCompile(`(^|[\s(])\*([^*\n]+)\*`), regexp.MustCompile(`(^|[\s(])_([^_\n]+)_`),
		regexp.MustCompile(`(^|[\s(])~([^~\n]+)~`), regexp.MustCompile("(^|[\\s(])`([^`\n]+)`"),
	}
)

// unmarked is a text as Rocket.Chat shows it, without the styles.
func unmarked(text string) string {
	const escaped = '\uE000'                                             // and above it: what is no markup
	text = rocketHead.ReplaceAllStringFunc(text, func(s string) string { // nothing is markup there
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("*_~`\\", r) {
				r += escaped
			}
			return r
		}, s)
	})
	text = rocketEscaped.ReplaceAllStringFunc(text, func(s string) string { return string(escaped + rune(s[1])) })
	for _, re := range rocketStyles {
		text = re.ReplaceAllString(text, "$1$2")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u2060':
			return -1
		case r > escaped && r < escaped+128:
			return r - escaped
		}
		return r
	}, text)
}

func (s *rocketStage) seen(who string, m rcfake.Message, alone bool) seen {
	v := seen{ref: m.ID, thread: m.Thread, channel: m.Room, mine: m.Username == who, alone: alone, beside: alone, pinned: m.Pinned}
	text := rocketLink.ReplaceAllStringFunc(m.Text, func(l string) string {
		p := rocketLink.FindStringSubmatch(l)
		v.links = append(v.links, p[2])
		return p[1]
	})
	for name, real := range crew() {
		if regexp.MustCompile(`(^|\s)@` + name + `\b`).MatchString(text) {
			v.told = append(v.told, "U"+name)
			text = strings.ReplaceAll(text, "@"+name, "@"+name+" "+real) // names are shown as the workspace is set
		}
	}
	heads := strings.Join(m.Plain, "\n") + "\n"
	if len(m.Plain) == 1 {
		heads = m.Plain[0] + ": " // who wrote what follows
	}
	v.reads = m.Author + ": " + heads + unmarked(text)
	for _, f := range m.Files {
		v.reads += "\n{" + f + "}"
	}
	for i, id := range m.FileIDs {
		v.files = append(v.files, attached{name: m.Files[i], data: s.File(id)})
	}
	for emoji := range m.Reactions {
		v.reads += " :" + strings.Trim(emoji, ":") + ":"
	}
	for _, b := range m.Buttons {
		v.reads += "\n[" + b.Text + "]"
		v.buttons = append(v.buttons, knob{label: b.Text, url: b.URL, press: func() error { return s.click(who, m, b) }})
		if b.URL != "" {
			v.links = append(v.links, b.URL)
		}
	}
	return v
}

var (
	formTitle = regexp.MustCompile(`<h1>([^<]*)</h1>`)
	formInput = regexp.MustCompile(`<(?:input type="text"|textarea|select) id="[^"]*" name="([^"]+)"(?: value="([^"]*)")?[^>]*>(?:\n([^<]*)</textarea>)?`)
	formPick  = regexp.MustCompile(`(?s)<select id="[^"]*" name="([^"]+)".*?</select>`)
	formSel   = regexp.MustCompile(`<option value="([^"]*)" selected>`)
	tags      = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)
)

// forms are the pages that the person was given and has not sent yet.
func (s *rocketStage) forms(who string) ([]form, error) {
	var out []form
	for _, m := range s.Messages(s.DirectRoom(who)) {
		for _, b := range m.Buttons {
			if !strings.Contains(b.URL, "/rocketchat/form/") {
				continue
			}
			page, err := s.browse(http.MethodGet, b.URL, nil)
			if err != nil {
				return nil, err
			}
			if f, ok := s.form(b.URL, page); ok {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// form reads a page, if a form is on it.
func (s *rocketStage) form(link, page string) (form, bool) {
	values := url.Values{}
	for _, h := range hidden.FindAllStringSubmatch(page, -1) {
		values.Set(h[1], html.UnescapeString(h[2]))
	}
	if len(values) == 0 {
		return form{}, false
	}
	f := form{title: html.UnescapeString(formTitle.FindStringSubmatch(page)[1]), reads: html.UnescapeString(tags.ReplaceAllString(page, ""))}
	for _, in := range formInput.FindAllStringSubmatch(page, -1) {
		f.inputs = append(f.inputs, in[1])
		values.Set(in[1], html.UnescapeString(in[2]+in[3]))
		f.reads += "\n" + values.Get(in[1])
	}
	for _, in := range formPick.FindAllStringSubmatch(page, -1) {
		if v := formSel.FindStringSubmatch(in[0]); v != nil {
			values.Set(in[1], html.UnescapeString(v[1]))
		}
	}
	f.send = func(fields map[string]string) error {
		for k, v := range fields {
			values.Set(k, v)
		}
		_, err := s.browse(http.MethodPost, link, values)
		return err
	}
	return f, true
}

func (s *rocketStage) browse(method, link string, values url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, link, strings.NewReader(values.Encode()))
	if err != nil {
		return "", err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	}
	status, page, err := send(s.web, req)
	if err == nil && status != http.StatusOK && status != http.StatusUnprocessableEntity && status != http.StatusNotFound {
		err = fmt.Errorf("%s %s: %d %s", method, link, status, page)
	}
	return string(page), err
}

func (s *rocketStage) says(who, place, thread, text string, files ...attached) error {
	m := rcfake.Says{Who: who, Room: s.place(who, place), Text: strings.Replace(text, "@perch", "@twitter.bot", 1), Thread: thread}
	if command, ok := strings.CutPrefix(text, "/"); ok && !strings.HasPrefix(command, "/") && len(files) == 0 {
		// The ways to give a command mean the same: each is gone in turn. A
		// workspace's own clients know no other commands behind ! and /.
		name, _, _ := strings.Cut(command, " ")
		s.said++
		switch way := s.said % 3; {
		case way == 0 || !slices.Contains([]string{"twitter", "incident", "timeline", "duty"}, name):
			m.Text = "@twitter.bot " + command
		case way == 1:
			m.Text = "!" + command
		}
	}
	for _, f := range files {
		m.Files = append(m.Files, rcfake.Attached{Name: f.name, Type: f.kind, Data: f.data})
	}
	_, err := s.Say(m)
	return err
}

func (s *rocketStage) edits(who string, m seen, text string) error {
	return s.Edit(who, m.channel, m.ref, text)
}

func (s *rocketStage) deletes(who string, m seen) error { return s.Delete(who, m.channel, m.ref) }

func (s *rocketStage) reacts(who string, m seen, emoji string, on bool) error {
	return s.React(who, m.channel, m.ref, emoji, on)
}

// opens waits for a customer's room: where nobody was there, Perch tries again
// every half minute.
func (s *rocketStage) opens(_, place string) error {
	if !strings.Contains(place, "@") {
		return nil
	}
	there := func() error {
		if s.room(place) == "" {
			return fmt.Errorf("there is no room of %s", place)
		}
		return nil
	}
	if eventually(there) == nil {
		return nil
	}
	return eventually(there)
}

func (*rocketStage) shortcut(string, string, *seen) error { return errNone }
