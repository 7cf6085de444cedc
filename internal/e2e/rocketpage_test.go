package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
)

// rocketPage draws a workspace about as Rocket.Chat does, for pictures: read
// only, from what its own clients get, with its own parser for the markup.
//
//	/?as=ada&in=setup[&thread=ID]   a room, with a thread beside it
//
// Places are those of the scripts.
type rocketPage struct{ s *rocketStage }

// rocketParser is Rocket.Chat's reader of markup, where the tools of the tests
// are installed.
var rocketParser = filepath.Join("..", "..", "conformance", "node_modules", "@rocket.chat", "message-parser", "dist", "messageParser.js")

func (p rocketPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	files := filepath.Join("testdata", "rocketchat")
	switch r.URL.Path {
	case "/":
		http.ServeFile(w, r, filepath.Join(files, "page.html"))
	case "/page.js", "/page.css":
		http.ServeFile(w, r, filepath.Join(files, r.URL.Path))
	case "/parser.js":
		http.ServeFile(w, r, rocketParser)
	case "/blank.svg": // nothing of X's is there to be shown
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 280 150"><rect width="280" height="150" fill="#c9dcef"/><path d="M0 150 90 60l60 60 40-40 90 70z" fill="#7ea6cc"/><circle cx="215" cy="42" r="16" fill="#fff"/></svg>`))
	case "/data":
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(p.data(r.FormValue("as"), r.FormValue("in"))); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	default:
		http.NotFound(w, r)
	}
}

type drawnRoom struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Topic string `json:"topic"`
}

// data is what one person has before them.
func (p rocketPage) data(who, place string) any {
	people := crew()
	people["twitter.bot"] = "Twitter"
	id := p.s.place(who, place)
	var rooms []drawnRoom
	var here drawnRoom
	for _, r := range p.s.Rooms("") {
		d := drawnRoom{ID: r.ID, Name: r.Name, Kind: r.Kind, Topic: r.Topic}
		switch r.Kind {
		case "d":
			d.Name = "Twitter"
		case "l":
			d.Name = r.Visitor
		}
		if r.ID == id {
			here = d
		}
		if r.Kind == "l" && !r.Open || !slices.Contains(r.Members, who) && r.Agent != who {
			continue
		}
		rooms = append(rooms, d)
	}
	return map[string]any{
		"me": who, "people": people, "roles": map[string]string{"twitter.bot": "Bot"},
		"rooms": rooms, "room": here, "messages": p.s.Raw(id),
	}
}
