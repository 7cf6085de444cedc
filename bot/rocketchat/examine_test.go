package rocketchat_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

func TestExamine(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		with    func(s *rcfake.Server)
		about   string
		says    string
		do      string // empty: all is well
		serious bool
	}{
		{"all is well", "8.8.1", nil, "roles", "bot, livechat-manager", "", false},
		{"its version", "8.8.1", nil, "version", "8.8.1", "", false},
		{"line 7", "7.13.0", nil, "version", "7.13.0", "", false},
		{"too old", "6.9.0", nil, "version", "6.9.0", "Update Rocket.Chat", false},
		{"too new", "9.0.0", nil, "version", "9.0.0", "newer Perch", false},
		{"no login", "8.8.1", func(s *rcfake.Server) { s.Revoke("twitter.bot") }, "login", "does not take", "personal access token", true},
		{"no login, line 7", "7.13.0", func(s *rcfake.Server) { s.Revoke("twitter.bot") }, "login", "does not take", "personal access token", true},
		{"no bot", "8.8.1", func(s *rcfake.Server) { s.SetRoles("twitter.bot", "user", "livechat-manager") }, "roles", "lacks the role bot", "Users", true},
		{"no manager", "8.8.1", func(s *rcfake.Server) { s.SetRoles("twitter.bot", "bot") }, "roles", "lacks the role livechat-manager", "Users", true},
		{"no manager, no customers", "8.8.1", func(s *rcfake.Server) {
			s.SetRoles("twitter.bot", "bot")
			s.Set("Livechat_enabled", false)
		}, "roles", "lacks the role livechat-manager", "Users", false},
		{"an admin", "8.8.1", func(s *rcfake.Server) { s.SetRoles("twitter.bot", "bot", "livechat-manager", "admin") }, "roles", "admin", "Take the role", false},
		{"an agent", "8.8.1", func(s *rcfake.Server) { s.SetRoles("twitter.bot", "bot", "livechat-manager", "livechat-agent") }, "roles", "an agent", "Remove it", false},
		{"permissions", "8.8.1", nil, "permissions", "may do what Perch needs", "", false},
		{"a permission taken", "8.8.1", func(s *rcfake.Server) { s.SetPermission("create-d", "admin") }, "permissions", "create-d", "to the role bot", true},
		{"a permission of another role", "7.13.0", func(s *rcfake.Server) {
			s.SetPermission("create-d", "admin", "helper")
			s.SetRoles("twitter.bot", "bot", "livechat-manager", "helper")
		}, "permissions", "may do what Perch needs", "", false},
		{"a permission for customers", "8.8.1", func(s *rcfake.Server) { s.SetPermission("view-livechat-manager", "admin") }, "permissions", "view-livechat-manager", "to the role livechat-manager", true},
		{"a permission for customers, no customers", "8.8.1", func(s *rcfake.Server) {
			s.SetPermission("view-livechat-manager", "admin")
			s.Set("Livechat_enabled", false)
		}, "permissions", "may do what Perch needs", "", false},
		{"no files of customers", "8.8.1", func(s *rcfake.Server) { s.Set("Livechat_fileupload_enabled", false) }, "files", "for customers", "File Uploads Enabled", false},
		{"commands kept", "8.8.1", nil, "commands", "!twitter", "Allow Unrecognized Slash Commands", false},
		{"commands passed", "8.8.1", func(s *rcfake.Server) { s.Set("Message_AllowUnrecognizedSlashCommand", true) }, "commands", "passes /twitter", "", false},
		{"no editing", "8.8.1", func(s *rcfake.Server) { s.Set("Message_AllowEditing", false) }, "editing", "can't be changed", "Allow Message Editing", true},
		{"small", "8.8.1", func(s *rcfake.Server) { s.Set("Message_MaxAllowedSize", 300) }, "message size", "300", "Raise", false},
		{"no files", "8.8.1", func(s *rcfake.Server) { s.Set("FileUpload_Enabled", false) }, "files", "off", "File Upload", false},
		{"limited, line 7", "7.13.0", func(s *rcfake.Server) { s.Limits(true, 0, 0) }, "rate limiter", "10 messages", "API Rate Limiter", false},
		{"limited for want of a role", "8.8.1", func(s *rcfake.Server) { s.SetRoles("twitter.bot", "livechat-manager"); s.Limits(true, 30, 0) }, "rate limiter", "30 messages", "API Rate Limiter", false},
		{"not limited, line 8", "8.8.1", func(s *rcfake.Server) { s.Limits(true, 0, 0) }, "rate limiter", "does not limit", "", false},
		{"not limited", "7.13.0", func(s *rcfake.Server) { s.Limits(false, 0, 0) }, "rate limiter", "does not limit", "", false},
		{"no threads", "8.8.1", func(s *rcfake.Server) { s.Set("Threads_enabled", false) }, "threads", "Threads are switched off", "Enable Threads", true},
		{"encrypted rooms", "8.8.1", func(s *rcfake.Server) {
			s.Set("E2E_Enable", true)
			s.Set("E2E_Enabled_Default_DirectRooms", true)
		}, "encryption", "can't read", "E2E Encryption", false},
		{"no customers", "8.8.1", func(s *rcfake.Server) { s.Set("Livechat_enabled", false) }, "omnichannel", "is off", "", false},
		{"no agents", "8.8.1", nil, "agents", "Nobody is an agent", "Agents", true},
		{"agents away", "8.8.1", func(s *rcfake.Server) { s.AddUser(rcfake.User{Username: "sam", Agent: true, Offline: true}) }, "agents", "The only agent is not", "headset", false},
		{"agents", "8.8.1", func(s *rcfake.Server) { s.AddUser(rcfake.User{Username: "sam", Agent: true}) }, "agents", "1 of 1 agent can", "", false},
		{"no departments", "8.8.1", nil, "departments", "no departments", "", false},
		{"departments", "8.8.1", func(s *rcfake.Server) {
			s.AddDepartment("Trains")
			s.AddUser(rcfake.User{Username: "sam", Agent: true, Departments: []string{"Trains"}})
		}, "departments", "Trains (1 agent)", "", false},
		{"an empty department", "8.8.1", func(s *rcfake.Server) { s.AddDepartment("Trains") }, "departments", "Trains (no agents)", "", false},
		{"not running", "8.8.1", nil, "connection", "not running", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rcfake.New(rcfake.Options{Version: c.version})
			srv := httptest.NewServer(s.Handler())
			t.Cleanup(func() { s.Close(); srv.Close() })
			id, token := s.Bot()
			if c.with != nil {
				c.with(s)
			}
			a, err := rocketchat.New(rocketchat.Options{URL: srv.URL, UserID: id, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			all := a.Examine(t.Context())
			for _, f := range all {
				if f.About == c.about && strings.Contains(f.Text, c.says) {
					if (f.Do == "") != (c.do == "") || !strings.Contains(f.Do, c.do) || f.Serious != c.serious {
						t.Errorf("%+v", f)
					}
					return
				}
			}
			t.Errorf("nothing of the kind in %+v", all)
		})
	}
}

// TestExamineDepartment: the department that Perch brings customers to.
func TestExamineDepartment(t *testing.T) {
	for _, c := range []struct {
		name, department string
		with             func(s *rcfake.Server)
		says, do         string
		serious          bool
	}{
		{"all is well", "trains", nil, "1 of its 2 agents", "", false},
		{"not there", "Tranis", nil, "no such department", "There are: Trains.", true},
		{"nobody there", "Trains", func(s *rcfake.Server) { s.SetOffline("sam", true) }, "None of its 2 agents", "headset", false},
		{"empty", "Boats", func(s *rcfake.Server) { s.AddDepartment("Boats") }, "has no agents", "/twitter settings default_department", true},
		{"off", "Trains", func(s *rcfake.Server) { s.SetDepartment("Trains", false) }, "switched off", "Switch it on", true},
		{"not to be seen", "Trains", func(s *rcfake.Server) { s.SetRoles("twitter.bot", "bot") }, "can't be looked at (forbidden)", "role livechat-manager", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rcfake.New(rcfake.Options{})
			srv := httptest.NewServer(s.Handler())
			t.Cleanup(func() { s.Close(); srv.Close() })
			s.AddDepartment("Trains")
			s.AddUser(rcfake.User{Username: "sam", Agent: true, Departments: []string{"Trains"}})
			s.AddUser(rcfake.User{Username: "lee", Agent: true, Offline: true, Departments: []string{"Trains"}})
			s.AddUser(rcfake.User{Username: "mia", Agent: true})
			if c.with != nil {
				c.with(s)
			}
			id, token := s.Bot()
			a, err := rocketchat.New(rocketchat.Options{URL: srv.URL, UserID: id, Token: token})
			if err != nil {
				t.Fatal(err)
			}
			f := a.ExamineDepartment(t.Context(), c.department)
			if f.About != "department "+c.department || !strings.Contains(f.Text, c.says) || !strings.Contains(f.Do, c.do) || (f.Do == "") != (c.do == "") || f.Serious != c.serious {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	w, a, _, sink := running(t)
	h := a.Health()
	if h.Problem != "" || h.Sockets != 1 || h.Opened != 1 || !h.Began || h.Heard.IsZero() {
		t.Errorf("running: %+v", h)
	}
	if _, err := w.Say(rcfake.Says{Who: "ada", Room: w.room, Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		for _, ev := range sink.got {
			if ev.Kind == bot.EventMessage {
				return true
			}
		}
		return false
	})
	if now := a.Health(); now.Received <= h.Received || now.Acked != now.Received {
		t.Errorf("after a message: %+v, before %+v", now, h)
	}
	w.DropAll()
	await(t, func() bool { return a.Health().Opened == 2 && a.Health().Problem == "" })
	w.Revoke("twitter.bot")
	w.DropAll()
	await(t, func() bool { return a.Health().Refused })
	if h := a.Health(); h.Sockets != 0 || !strings.Contains(h.Problem, "personal access token") {
		t.Errorf("without a login: %+v", h)
	}
}

// await polls until is returns true.
func await(t *testing.T, is func() bool) {
	t.Helper()
	end := time.After(10 * time.Second)
	for !is() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-end:
			t.Fatal("waited in vain")
		}
	}
}
