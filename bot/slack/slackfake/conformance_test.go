package slackfake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/nodetest"
)

// TestConformance lets Slack's own clients judge the fake, and Slack's types
// the payloads that Perch sends.
func TestConformance(t *testing.T) {
	packages := []string{"@slack/bolt", "@slack/web-api", "typescript"}
	for suite, cases := range map[string]int{"bolt": 12, "web": 19} {
		t.Run(suite, func(t *testing.T) {
			s, web := start(t, Options{})
			s.AddUser(User{Name: "sam"})
			s.AddChannel(Channel{ID: "C0OTHER", Name: "other"})
			group := s.AddUserGroup("support-oncall", "On call", "rio")
			people := httptest.NewServer(stage{t, s, group})
			t.Cleanup(people.Close)
			nodetest.Run(t, nodetest.Suite{
				Script: "slack/" + suite + ".mjs", Packages: packages, Cases: cases,
				Env: []string{"SLACKFAKE_URL=" + web.URL, "SLACKFAKE_PLAY=" + people.URL, "SLACKFAKE_BOT=xoxb-perch-bot", "SLACKFAKE_APP=xapp-perch-app"},
			})
		})
	}
	t.Run("types", func(t *testing.T) {
		golden, err := filepath.Glob("../testdata/*.json")
		if err != nil {
			t.Fatal(err)
		}
		for i := range golden {
			if golden[i], err = filepath.Abs(golden[i]); err != nil {
				t.Fatal(err)
			}
		}
		nodetest.Run(t, nodetest.Suite{
			Script: "slack/types.mjs", Packages: packages, Cases: 6 + len(golden),
			Env: []string{"PERCH_SLACK_GOLDEN=" + strings.Join(golden, string(filepath.ListSeparator))},
		})
	})
}

// stage lets a suite in another language play the fake's people.
type stage struct {
	t     *testing.T
	s     *Server
	group string
}

type wish struct {
	User, Channel, Command, Text, TS, Action, View, Callback, Emoji, Method, Redirect, RetryAfter, Drop string
	Values                                                                                              map[string]string
	Users, Scopes                                                                                       []string
	N, Status, Grace                                                                                    int
	Expired                                                                                             bool
}

func (st stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in wish
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := st.act(strings.TrimPrefix(r.URL.Path, "/"), in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, out)
}

// acked waits for a delivery's end.
func (st stage) acked(d *Delivery, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	select {
	case <-d.Done():
	case <-time.After(10 * time.Second):
	}
	a, ok := d.Acked()
	return obj{"acked": ok, "payload": a.Payload}, nil
}

func (st stage) act(what string, in wish) (any, error) {
	s, none := st.s, obj{}
	switch what {
	case "connections":
		return append([]int{}, s.Connections()...), nil
	case "messages":
		return append([]Message{}, s.Messages(in.Channel)...), nil // none is [] too, which a suite may ask before the first
	case "ephemerals":
		return append([]Message{}, s.Ephemerals(in.User)...), nil
	case "views":
		return append([]Modal{}, s.Views(in.User)...), nil
	case "homeview":
		m, _ := s.Home(in.User)
		return m, nil
	case "unacked":
		return append([]Envelope{}, s.Unacked()...), nil
	case "command":
		return st.acked(s.Command(in.User, in.Channel, in.Command, in.Text), nil)
	case "click":
		return st.acked(s.Click(in.User, in.TS, in.Action))
	case "submit":
		return st.acked(s.Submit(in.User, in.View, in.Values))
	case "shortcut":
		return st.acked(s.Shortcut(in.User, in.Callback, in.Channel, in.TS))
	case "home":
		return st.acked(s.OpenHome(in.User), nil)
	case "says":
		ts, err := s.PersonSays(in.User, in.Channel, in.Text)
		return obj{"ts": ts}, err
	case "edits":
		return none, s.PersonEdits(in.User, in.Channel, in.TS, in.Text)
	case "deletes":
		return none, s.PersonDeletes(in.User, in.Channel, in.TS)
	case "reacts":
		return none, s.PersonReacts(in.User, in.Channel, in.TS, in.Emoji, true)
	case "joins":
		return none, s.Join(in.User, in.Channel, "ada")
	case "group":
		return none, s.SetUserGroup(st.group, in.Users...)
	case "redeliver":
		if _, err := s.PersonSays(in.User, in.Channel, in.Text); err != nil {
			return nil, err
		}
		ds := s.Deliveries()
		d := ds[len(ds)-1]
		<-d.Done()
		s.Redeliver(d)
		return d.Envelopes(), nil
	case "rotate":
		s.Rotate(time.Duration(in.Grace) * time.Millisecond)
	case "trigger":
		s.mu.Lock()
		id := s.newTrigger(s.st.users[s.userID(in.User)], "")
		s.mu.Unlock()
		if in.Expired {
			s.ExpireTriggers()
		}
		return obj{"trigger": id}, nil
	case "scopes":
		if in.Scopes == nil {
			in.Scopes = AllScopes()
		}
		s.SetScopes("T0ACME", in.Scopes...)
	case "limit":
		s.Limits(in.Method != "")
		if in.Method != "" {
			s.SetLimit(in.Method, in.N)
		}
	case "fault":
		f := Fault{Method: in.Method, Status: in.Status}
		if in.RetryAfter != "" {
			f.Header = http.Header{"Retry-After": {in.RetryAfter}}
			f.Error = "ratelimited"
		}
		if in.Drop == "after" {
			f.Drop = DropAfter
		}
		s.AddFault(f)
	case "code":
		return obj{"code": s.InstallCode("T0ACME", in.Redirect)}, nil
	default:
		st.t.Errorf("the suite wants %q", what)
	}
	return none, nil
}
