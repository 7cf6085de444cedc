package rcfake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perch-chat/perch/internal/nodetest"
)

// TestConformance lets Rocket.Chat's own clients judge the fake.
func TestConformance(t *testing.T) {
	for suite, cases := range map[string]int{"ddp": 28, "sdk": 13} {
		t.Run(suite, func(t *testing.T) {
			w := open(t, Options{})
			w.AddDepartment("Support")
			w.AddDepartment("Sales")
			w.AddUser(User{Username: "ada"})
			w.AddUser(User{Username: "rio"})
			w.AddUser(User{Username: "sam", Name: "Sam Lee", Agent: true, Departments: []string{"Support"}})
			w.AddUser(User{Username: "lee", Agent: true, Departments: []string{"Sales"}})
			w.AddUser(User{Username: "pat", Roles: []string{"bot"}, Password: "correct horse"})
			room := w.AddRoom("support", true, "ada", "rio", "twitter.bot")
			w.AddRoom("general", false, "ada")
			people := httptest.NewServer(stage{w})
			t.Cleanup(people.Close)
			id, token := w.Bot()
			nodetest.Run(t, nodetest.Suite{
				Script: "rocketchat/" + suite + ".mjs", Packages: []string{"@rocket.chat/ddp-client", "@rocket.chat/sdk", "ws"}, Cases: cases,
				Env: []string{"RCFAKE_URL=" + w.url, "RCFAKE_PLAY=" + people.URL, "RCFAKE_USER=" + id, "RCFAKE_TOKEN=" + token, "RCFAKE_ROOM=" + room},
			})
		})
	}
}

// stage lets a suite in another language play the fake's people.
type stage struct{ w *workspace }

type wish struct {
	Who, Room, ID, Text, Emoji, Stream string
	On                                 bool
}

func (st stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in wish
	err := json.NewDecoder(r.Body).Decode(&in)
	var out any
	if err == nil {
		out, err = st.act(strings.TrimPrefix(r.URL.Path, "/"), in)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (st stage) act(what string, in wish) (any, error) {
	s, none := st.w, obj{}
	switch what {
	case "says":
		id, err := s.Say(Says{Who: in.Who, Room: in.Room, Text: in.Text})
		return obj{"id": id}, err
	case "edits":
		return none, s.Edit(in.Who, in.Room, in.ID, in.Text)
	case "deletes":
		return none, s.Delete(in.Who, in.Room, in.ID)
	case "reacts":
		return none, s.React(in.Who, in.Room, in.ID, in.Emoji, true)
	case "previews":
		return none, s.Preview(in.Room, in.ID)
	case "types":
		return none, s.Typing(in.Who, in.Room, true)
	case "holds":
		return none, s.Hold(in.Who, in.Room)
	case "away":
		s.SetOffline(in.Who, in.On)
	case "direct":
		return obj{"id": s.DirectRoom(in.Who)}, nil
	case "messages":
		return append([]Message{}, s.Messages(in.Room)...), nil
	case "rooms":
		return s.Rooms(""), nil
	case "subscribed":
		if in.Stream == "" {
			in.Stream = "stream-room-messages"
		}
		return obj{"yes": s.Subscribed(in.Stream, in.Text)}, nil
	case "totp":
		id, token := s.Bot()
		s.AddUser(User{ID: id, Username: "twitter.bot", Roles: []string{"bot", "livechat-manager", "admin"}, Token: token, TOTP: in.Text})
	case "pongs":
		return obj{"n": s.Pongs()}, nil
	case "ping":
		s.PingAll()
	case "drop":
		s.DropAll()
	case "stop":
		s.Stop()
	case "start":
		s.Start()
	case "limits":
		s.Limits(in.On, 0, 0)
	default:
		st.w.t.Errorf("the suite wants %q", what)
	}
	return none, nil
}
