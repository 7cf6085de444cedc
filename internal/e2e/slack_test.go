package e2e

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// slackStage is a Slack workspace, played through the stand-in of Slack.
type slackStage struct {
	*slackfake.Server
	url       string
	shortcuts map[string]string // callback by name, as Perch's manifest has them
	groups    map[string]string // ID by handle
	called    bool              // Slack calls Perch: there are no sockets
	rooms     map[string]string // ID by name, of channels in other workspaces
}

var _ stage = (*slackStage)(nil)

// crew are the people of the team.
func crew() map[string]string {
	return map[string]string{"ada": "Ada Okafor", "rio": "Rio Tanaka", "sam": "Sam Lindqvist"}
}

// newSlack makes a workspace in which Perch's app is installed as its own
// manifest describes it, until end is called.
func newSlack() (s *slackStage, end func(), err error) {
	raw, err := exec.Command(perch, "slack", "manifest", "--json").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("perch slack manifest: %w", err)
	}
	var manifest struct {
		Features struct {
			Shortcuts []struct {
				Name     string
				Callback string `json:"callback_id"`
			}
		}
		OAuth struct{ Scopes struct{ Bot []string } } `json:"oauth_config"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, nil, err
	}
	s = &slackStage{Server: slackfake.New(slackfake.Options{RefuseBodyTokens: true, Scopes: manifest.OAuth.Scopes.Bot}), shortcuts: map[string]string{}, groups: map[string]string{}, rooms: map[string]string{}}
	for _, c := range manifest.Features.Shortcuts {
		s.shortcuts[c.Name] = c.Callback
	}
	srv := httptest.NewServer(s.Handler())
	s.url = srv.URL
	s.SetURL(srv.URL)
	everybody := []string{"perch"}
	for name, real := range crew() {
		everybody = append(everybody, s.AddUser(slackfake.User{Name: name, RealName: real, Display: real}))
	}
	s.AddChannel(slackfake.Channel{Name: "setup", Private: true, Members: everybody})
	s.AddChannel(slackfake.Channel{Name: "support", Private: true, Members: everybody})
	s.AddChannel(slackfake.Channel{Name: "incidents", Members: everybody})
	return s, func() {
		s.Close()
		srv.CloseClientConnections()
		srv.Close()
	}, nil
}

func (*slackStage) name() string            { return "slack" }
func (*slackStage) user(name string) string { return "slack:U0" + strings.ToUpper(name) }
func (s *slackStage) group(handle string) string {
	return "slack:" + s.groups[handle]
}

func (s *slackStage) channel(name string) string {
	return "slack:" + s.ChannelID(name)
}

// uid is a person's ID.
func (s *slackStage) uid(name string) string { return strings.TrimPrefix(s.user(name), "slack:") }

// room is the ID of a place.
func (s *slackStage) room(who, place string) string {
	if place == "bot" {
		return s.DirectChannel(s.uid(who))
	}
	if id := s.rooms[place]; id != "" {
		return id
	}
	return s.ChannelID(place)
}

// ready waits until Perch is connected: before, commands would be lost.
func (s *slackStage) ready() error {
	return eventually(func() error {
		if len(s.Connections()) == 0 && !s.called {
			return fmt.Errorf("perch is not connected to Slack")
		}
		return nil
	})
}

// settled waits for the acknowledgement of what happened, for Slack promises
// no order between a click and what is written right after it. People are
// slower than that.
func (s *slackStage) settled() error {
	end := time.Now().Add(3 * time.Second)
	for _, d := range s.Deliveries() {
		if es := d.Envelopes(); len(es) > 0 && (es[len(es)-1].Lost || es[len(es)-1].Over) {
			continue // nobody was there to take it; it comes again, or never
		}
		select {
		case <-d.Done():
		case <-time.After(time.Until(end)):
			return nil // the script looks at what came of it
		}
	}
	return nil
}

func (s *slackStage) sees(who, place string) ([]seen, error) {
	me := s.uid(who)
	if place == "home" {
		v, ok := s.Home(me)
		if !ok {
			return nil, nil
		}
		return []seen{{ref: v.ID, reads: v.Shown, buttons: s.viewKnobs(me, v), alone: true}}, nil
	}
	room := s.room(who, place)
	if room == "" {
		return nil, fmt.Errorf("there is no #%s", place)
	}
	if !slices.Contains(s.Members(room), me) {
		return nil, fmt.Errorf("%s is not in #%s", who, place)
	}
	list := s.Messages(room)
	for _, m := range s.Ephemerals(me) {
		if m.Channel == room {
			list = append(list, m)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].TS < list[j].TS })
	var out []seen
	for _, m := range list {
		if !m.Tombstone {
			out = append(out, s.seen(me, m))
		}
	}
	return out, nil
}

func (s *slackStage) seen(me string, m slackfake.Message) seen {
	v := seen{
		ref: m.TS, channel: m.Channel, mine: m.User == me && m.BotID == "", alone: m.Ephemeral, pinned: m.Pinned,
		told: m.Notifies, links: m.Links, reads: m.Shown,
	}
	if m.ThreadTS != m.TS {
		v.thread = m.ThreadTS
	}
	if m.Username != "" {
		v.reads = m.Username + ": " + v.reads
	}
	for _, f := range m.Files {
		v.reads += "\n{" + f.Name + "}"
		v.files = append(v.files, attached{f.Name, f.MIME, f.Data})
	}
	for emoji := range m.Reactions {
		v.reads += " :" + emoji + ":"
	}
	for _, b := range m.Buttons {
		if b.Kind != "button" {
			continue
		}
		v.buttons = append(v.buttons, knob{label: b.Text, url: b.URL, press: func() error {
			if _, err := s.Use(me, m.TS, b.ActionID, b.BlockID, ""); err != nil {
				return err
			}
			return s.settled()
		}})
	}
	return v
}

func (s *slackStage) viewKnobs(me string, v slackfake.Modal) []knob {
	var out []knob
	for _, b := range v.Buttons {
		if b.Kind != "button" {
			continue
		}
		out = append(out, knob{label: b.Text, url: b.URL, press: func() error {
			if _, err := s.ClickView(me, v.ID, b.ActionID, ""); err != nil {
				return err
			}
			return s.settled()
		}})
	}
	return out
}

func (s *slackStage) forms(who string) ([]form, error) {
	me := s.uid(who)
	var out []form
	for _, v := range s.Views(me) {
		f := form{title: v.Title, reads: v.Title + "\n" + v.Shown, buttons: s.viewKnobs(me, v)}
		for _, e := range v.Errors {
			f.reads += "\n" + e
		}
		var blocks []struct {
			Type    string
			Element struct {
				ActionID string `json:"action_id"`
			}
		}
		if err := json.Unmarshal(v.Blocks, &blocks); err != nil {
			return nil, err
		}
		for _, b := range blocks {
			if b.Type == "input" {
				f.inputs = append(f.inputs, b.Element.ActionID)
			}
		}
		f.send = func(fields map[string]string) error {
			if _, err := s.Submit(me, v.ID, fields); err != nil {
				return err
			}
			return s.settled()
		}
		out = append(out, f)
	}
	return out, nil
}

// says writes. Slash commands don't run in threads: there the bot is called by name.
func (s *slackStage) says(who, place, thread, text string, files ...attached) error {
	room := s.room(who, place)
	if command, rest, _ := strings.Cut(text, " "); strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") && len(files) == 0 {
		if thread == "" {
			s.Command(s.uid(who), room, command, rest)
			return s.settled()
		}
		text = "@perch " + strings.TrimPrefix(text, "/")
	}
	m := slackfake.Says{User: s.uid(who), Channel: room, Text: text, Thread: thread}
	for _, f := range files {
		m.Files = append(m.Files, slackfake.Upload{Name: f.name, MIME: f.kind, Data: f.data})
	}
	if _, err := s.Person(m); err != nil {
		return err
	}
	return s.settled()
}

func (s *slackStage) edits(who string, m seen, text string) error {
	if err := s.PersonEdits(s.uid(who), m.channel, m.ref, text); err != nil {
		return err
	}
	return s.settled()
}

func (s *slackStage) deletes(who string, m seen) error {
	if err := s.PersonDeletes(s.uid(who), m.channel, m.ref); err != nil {
		return err
	}
	return s.settled()
}

func (s *slackStage) reacts(who string, m seen, emoji string, on bool) error {
	if err := s.PersonReacts(s.uid(who), m.channel, m.ref, emoji, on); err != nil {
		return err
	}
	return s.settled()
}

func (s *slackStage) opens(who, place string) error {
	if place != "home" {
		return nil
	}
	s.OpenHome(s.uid(who))
	return s.settled()
}

func (s *slackStage) shortcut(who, label string, m *seen) error {
	callback, ok := s.shortcuts[label]
	if !ok {
		return fmt.Errorf("the app's manifest has no shortcut %q but %v", label, s.shortcuts)
	}
	channel, ts := "", ""
	if m != nil {
		channel, ts = m.channel, m.ref
	}
	if _, err := s.Shortcut(s.uid(who), callback, channel, ts); err != nil {
		return err
	}
	return s.settled()
}
