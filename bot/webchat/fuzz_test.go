package webchat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
)

// FuzzSay checks that whatever a person writes is shown to them as they wrote
// it and reaches Perch as a message or as a command, never as both.
func FuzzSay(f *testing.F) {
	for _, s := range []string{"hello", "/twitter help", "/ x", "//note", "@perch incident new x", "@perch", "@perchance", "/é ü", "/a\x00b", "\u202e/x", "/x\r\ny"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := webchat.Open(options(""))
		if err != nil {
			t.Fatal(err)
		}
		s := &takes{}
		stop := run(t, a, s)
		until(t, "it runs", func() bool { return len(s.events(bot.EventJoined)) == 2 })
		ans, err := a.Say(t.Context(), webchat.Ask{ID: "1", As: ada, Channel: "webchat:support", Text: text})
		stop()
		if err != nil {
			if strings.TrimSpace(text) != "" {
				t.Fatalf("Say(%q): %v", text, err)
			}
			return
		}
		msgs, cmds := s.events(bot.EventMessage), s.events(bot.EventCommand)
		if len(msgs)+len(cmds) != 1 {
			t.Fatalf("Say(%q) raised %d messages and %d commands", text, len(msgs), len(cmds))
		}
		v, err := a.Look(ada)
		if err != nil || len(v.Messages) != 1 || v.Messages[0].Ref != ans.Ref {
			t.Fatalf("Say(%q) shows %+v, %v", text, v.Messages, err)
		}
		shown := v.Messages[0]
		if want := strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"); shown.Text != want {
			t.Errorf("Say(%q) shows %q", text, shown.Text)
		}
		for _, c := range cmds {
			if !strings.HasPrefix(shown.Text, "/") && !strings.HasPrefix(shown.Text, "@") {
				t.Errorf("%q is the command %+v", text, c)
			}
			if c.Command != "" && (!strings.HasPrefix(c.Command, "/") || strings.ContainsAny(c.Command, " \n\t")) {
				t.Errorf("%q is the command %q", text, c.Command)
			}
			if !strings.Contains(shown.Text, c.Text) {
				t.Errorf("%q is a command with the words %q", text, c.Text)
			}
		}
	})
}

// FuzzJournal checks that a file that is no journal is refused or read, and
// never takes the program down.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"seq":1,"epoch":"abc"}` + "\n" + `{"seq":2,"channel":{"ref":"webchat:x","name":"x"}}` + "\n"))
	f.Add([]byte(`{"seq":3,"message":{"ref":"webchat:m:1","channel":"webchat:x","reactions":[{"emoji":"x"}]},"event":{"id":"1"},"acked":"1"}` + "\n"))
	f.Add([]byte("null\n{}\n[]\n"))
	f.Add([]byte(`{"seq":-1,"request":{}}` + "\n" + `{"torn`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "chat.journal")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := webchat.Open(options(path))
		if err != nil {
			return
		}
		ref, err := a.Post(t.Context(), bot.Message{Channel: "webchat:support", Text: "after", Key: "fuzz:after"})
		if err != nil {
			t.Fatalf("Post after reading %q: %v", data, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := webchat.Open(options(path))
		if err != nil {
			t.Fatalf("what was written is not read again: %v", err)
		}
		if again, err := b.FindMessage(t.Context(), bot.Message{Key: "fuzz:after"}); err != nil || again != ref {
			t.Errorf("FindMessage = %q, %v, want %q", again, err, ref)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
