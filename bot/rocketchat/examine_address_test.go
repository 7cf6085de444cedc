package rocketchat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// TestExamineAddress: whoever writes a wrong address, user or token is told which
// of them it is, and what to write.
func TestExamineAddress(t *testing.T) {
	s := rcfake.New(rcfake.Options{})
	t.Cleanup(s.Close)
	serve := func(h http.Handler) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	chat := serve(s.Handler())
	below := serve(http.StripPrefix("/chat", s.Handler()))
	moved := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://chat.example.com/team"+r.URL.Path, http.StatusMovedPermanently)
	}))
	page := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>Welcome</title>")
	}))
	broken := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	gone := httptest.NewServer(nil)
	gone.Close()
	id, token := s.Bot()
	for _, c := range []struct{ name, url, user, token, text, do string }{
		{"right", chat, id, token, "knows the bot", ""},
		{"a slash", chat + "/", id, token, "knows the bot", ""},
		{"a path before", below + "/chat/", id, token, "knows the bot", ""},
		{"no path", below, id, token, "can't log in: at " + below, "check the address in chat.rocketchat.url"},
		{"too much path", chat + "/home", id, token, "can't log in", "check the address in chat.rocketchat.url"},
		{"the API's address", chat + "/api/v1", id, token, "can't log in", "Write only the address at which people open it"},
		{"another address", moved, id, token, "can't log in", "leads on to https://chat.example.com/team. Write"},
		{"a page", page, id, token, "can't log in", "is not Rocket.Chat"},
		{"trouble", broken, id, token, "can't log in", "status 502"},
		{"nobody there", gone.URL, id, token, "can't log in: at " + gone.URL, "can't be reached"},
		{"another token", chat, id, "nonsense", "does not take the bot's login", "not the username"},
		{"a username", chat, "twitter.bot", token, "does not take the bot's login", "not the username"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := rocketchat.New(rocketchat.Options{URL: c.url, UserID: c.user, Token: c.token})
			if err != nil {
				t.Fatal(err)
			}
			f := a.Examine(t.Context())[0]
			if f.About != "login" || !strings.Contains(f.Text, c.text) || !strings.Contains(f.Do, c.do) || (f.Do == "") != (c.do == "") || f.Serious != (c.do != "") {
				t.Errorf("%+v", f)
			}
		})
	}
}
