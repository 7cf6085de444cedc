package rocketchat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// TestAppNames: a command says whom its words name, whether somebody wrote it
// or the companion app forwards it, which knows nothing of mentions.
func TestAppNames(t *testing.T) {
	w := newAppWorld(t, nil)
	body := strings.Replace(strings.Replace(appCommand, "/twitter", "/duty", 1), `" authorize\nnow "`, `"on @rio @nobody a@ada @../me support"`, 1)
	if status, code := w.post(t, body); status != 200 {
		t.Fatalf("%d %s", status, code)
	}
	if _, err := w.ws.Say(rcfake.Says{Who: "ada", Room: w.ws.room, Text: "!duty on @rio @nobody a@ada support"}); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return len(w.of(bot.EventCommand)) == 2 })
	want := []bot.Named{{Text: "@rio", Name: "Rio", User: "rocketchat:Urio"}}
	for _, ev := range w.of(bot.EventCommand) {
		if diff := cmp.Diff(want, ev.Names); diff != "" {
			t.Errorf("%s: names (-want +got):\n%s", ev.ID, diff)
		}
	}
}
