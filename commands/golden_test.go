package commands

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

var update = flag.Bool("update", false, "rewrite testdata/answers.txt")

// Everything that people read, in one file, so that a change of wording is seen.
func TestAnswers(t *testing.T) {
	const path = "testdata/answers.txt"
	var b strings.Builder
	scene(t, func(t *testing.T, w *world) { answers(w, &b) })
	scene(t, func(t *testing.T, w *world) { publications(w, &b) })
	sceneOf(t, cast{}, incident.Policy{Approval: true}, func(t *testing.T, w *world) { ways(w, &b) }, withRooms)
	got := b.String()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("answers changed (-want +got); if they should have, run go test ./commands -run Answers -update:\n%s", diff)
	}
}

func answers(w *world, b *strings.Builder) {
	ada, rio, sam, max := people()
	part := func(title, body string) { fmt.Fprintf(b, "=== %s\n%s\n\n", title, body) }
	say := func(u bot.User, line string, change ...func(*bot.Event)) {
		part(u.Name+": "+line, w.say(u, line, change...))
	}
	form := func(title string) { part(title, w.formText()) }
	part("the setup channel at first", w.channel(setup))
	for _, line := range []string{"/twitter", "/incident", "/timeline", "/duty help", "/twitter accounts", "/twitter support", "/twitter settings"} {
		say(ada, line)
	}
	say(max, "/twitter authorize")
	say(max, "/incident new It burns")
	say(max, "/duty on")
	say(ada, "/duty on")
	say(ada, "/twitter unauthorize")
	say(ada, "/twitter authorize")
	w.connect(acme, "acme")
	part("the setup channel once connected", w.channel(setup))
	for _, line := range []string{
		"/twitter accounts", "/twitter unauthorize", "/twitter unauthorize @other", "/twitter default", "/twitter default @acme", "/twitter support",
		"/twitter settings welcome", "/twitter settings welcome Hello!", "/twitter settings wellcome x",
	} {
		say(ada, line)
	}
	w.connect(beta, "beta")
	say(ada, "/twitter accounts")
	say(ada, "/twitter unauthorize")
	say(ada, "/twitter default @beta")
	say(ada, "/twitter unauthorize @beta")
	part("Ada presses Keep it", w.press(ada, btnKeep))
	part("Ada presses Disconnect", w.press(ada, btnDisconnect))
	part("and again", w.press(ada, btnDisconnect))
	w.update(func(tx store.Tx) error {
		_, err := w.acc.MarkReconnect(tx, acme, "Somebody took Perch's access back on X.")
		return err
	})
	synctest.Wait()
	part("the setup channel when access was taken back", w.last(setup))
	say(ada, "/twitter accounts")

	for _, line := range []string{"/duty who", "/duty on nowhere", "/duty on", "/duty who", "/duty off", "/duty off"} {
		say(sam, line)
	}
	w.update(func(tx store.Tx) error {
		return w.desk.SetDepartment(tx, desk.Department{ID: "billing", Name: "Billing", Channel: elsewhere + "2"})
	})
	say(sam, "/duty on")
	for _, line := range []string{"/incident list", "/incident status", "/incident new", "/incident new --severity sev9 x", "/incident new --sev sev2 Checkout is slow"} {
		say(rio, line)
	}
	say(rio, "/incident new", withTrigger)
	form("the form of a new incident")
	for _, line := range []string{
		"/incident list", "/incident status", "/incident severity", "/incident severity sev2", "/incident severity sev1", "/incident severity huge",
		"/incident mitigate", "/incident mitigate", "/timeline add", "/timeline add --visibility world x", "/timeline add --to status-page We found the cause",
		"/timeline add --visibility internal It was the cache", "/timeline add --account @nobody --to twitter x", "/incident workflow", "/incident workflow what",
		"/incident workflow on 1",
	} {
		say(rio, line)
	}
	say(rio, "/timeline add --visibility \"status page\"", withTrigger)
	form("the form of an entry")
	for _, line := range []string{
		"/incident workflow add --on never x", "/incident workflow add --on created {{ incident.title", "/incident workflow add --on created {{ incident.titel }}",
		"/incident workflow add --on resolved --name Thanks --approval yes {{ incident.title }} is over.", "/incident workflow list", "/incident workflow off 1",
		"/incident workflow delete 2", "/incident workflow delete 1",
	} {
		say(ada, line)
	}
	for _, line := range []string{"/incident resolve The cache is fixed", "/incident resolve INC-1", "/timeline list INC-1", "/incident reopen INC-1", "/incident cancel INC-1"} {
		say(rio, line)
	}
	part("the incidents channel", w.channel(incidents))
	w.update(func(tx store.Tx) error {
		h := outbox.Hold{Lane: accounts.Lane(acme), Code: "no_credits", Message: "The X developer account has no credits left. Buy credits in the X developer console; what waits is sent then.", Since: time.Now()}
		return w.ob.Hold(tx, h)
	})
	synctest.Wait()
	part("the setup channel without credits", w.last(setup))
	say(ada, "/twitter support")
	part("Ada presses Try again now", w.press(ada, btnRelease))
	part("the setup channel afterwards", w.last(setup))
}

// publications goes through what a preview becomes.
func publications(w *world, b *strings.Builder) {
	ada, rio, _, _ := people()
	part := func(title string) { fmt.Fprintf(b, "=== %s\n%s\n\n", title, w.last(incidents)) }
	add := func(text string) string {
		return w.say(rio, `/timeline add --visibility "status page + twitter" `+text)
	}
	w.say(rio, "/incident new Trains are late")
	add("Too early")
	part("a preview without an account")
	w.connect(acme, "acme")
	w.press(rio, btnPost)
	part("a preview")
	w.press(rio, btnPost)
	part("a post")
	add("Second thoughts")
	w.press(rio, btnDiscard)
	part("a preview decided against")
	add(strings.Repeat("Trains are late and we are sorry. ", 12))
	part("a preview of what is too long")
	w.press(rio, btnSplit)
	part("a preview of a thread")
	w.out.next = []error{&outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "duplicate", Message: "X refused the post because this account already made one with the same words. Change the text and send it again."}}}
	add("Rejected")
	w.press(rio, btnPost)
	part("a post that X refused")
	w.press(rio, btnEdit)
	w.submit(rio, formText, w.form().Value, map[string]string{"text": "Accepted"})
	part("with another text")
	w.press(rio, btnPost)
	part("and then posted")
	w.out.next = []error{errors.New("connection reset")}
	add("Nobody knows")
	w.press(rio, btnPost)
	<-time.After(time.Hour)
	synctest.Wait()
	part("a post of which nobody knows")
	w.press(rio, btnRetry)
	part("tried again")
	w.update(func(tx store.Tx) error {
		return w.ob.Hold(tx, outbox.Hold{Lane: accounts.Lane(acme), Code: "rate_limited", Message: "X takes no more calls for this account before 13:30 UTC.", Since: time.Now()})
	})
	add("Waits")
	w.press(ada, btnPost)
	part("a post that waits")
	w.update(func(tx store.Tx) error {
		wf := incident.Workflow{ID: "w", Name: "Thanks"}
		inc, err := w.inc.Get(tx, "INC-1")
		if err != nil {
			return err
		}
		return w.r.workflowFailed(tx, inc, wf, "The variable incident.titel is not known.")
	})
	synctest.Wait()
	part("a workflow that failed")
}

// ways goes through what is done with messages, emoji and pages.
func ways(w *world, b *strings.Builder) {
	ada, rio, sam, max := people()
	part := func(title, body string) { fmt.Fprintf(b, "=== %s\n%s\n\n", title, body) }
	const room = bot.ChannelRef("webchat:R_inc-1-slow")
	part("Ada's page at first", w.openHome(ada))
	w.connect(acme, "acme")
	part("declared", w.say(rio, "/incident new --severity sev1 Slow"))
	part("announced", w.channel(incidents))
	w.message("webchat:x1", "", max, "The cache is full")
	w.shortcut(rio, elsewhere, "webchat:x1", "")
	part("the form of a message", w.formText())
	fields := map[string]string{"text": "The cache is full", "incident": w.form().Inputs[1].Initial, "at": "noon", "visibility": "twitter"}
	part("a wrong time", w.submit(rio, formMessage, w.form().Value, fields))
	fields["at"] = "11:30"
	part("added", w.submit(rio, formMessage, w.form().Value, fields))
	part("again", w.shortcut(rio, elsewhere, "webchat:x1", ""))
	part("in its channel", w.channel(room))
	w.handle(bot.Event{Kind: bot.EventMessageEdited, User: max, Message: "webchat:x1", Text: "The disk is full"})
	part("the message is changed", w.last(room))
	w.press(rio, btnStay)
	part("and left", w.last(room))
	w.handle(bot.Event{Kind: bot.EventMessageDeleted, User: max, Message: "webchat:x1"})
	part("the message is deleted", w.last(room))
	w.press(rio, btnPost)
	part("the author approves", w.press(rio, btnPost))
	w.customer(1, "Where is my order?")
	w.say(sam, "/duty on")
	for _, u := range []bot.User{ada, rio, sam, max} {
		part(u.Name+"'s page", w.openHome(u))
	}
	part("declared in private", w.say(rio, "/incident new --private yes Secret"))
	part("which one", w.say(rio, "/timeline add Words"))
	w.message("webchat:x2", "", max, "Hm")
	w.say(rio, "/incident new Third")
	part("an emoji that can't say which", w.react(rio, elsewhere, "webchat:x2", "pushpin", true))
	part("archive too early", w.say(rio, "/incident archive INC-1"))
	w.say(rio, "/incident resolve INC-1")
	part("archive", w.say(rio, "/incident archive INC-1"))
	part("archived", w.press(rio, btnArchive))
	part("announced", w.channel(incidents))
}

// formText is the newest form as a person reads it.
func (w *world) formText() string {
	f := w.form()
	var s strings.Builder
	fmt.Fprintf(&s, "# %s\n", f.Title)
	for _, in := range f.Inputs {
		fmt.Fprintf(&s, "%s [%s] %s\n", in.Label, volatile.ReplaceAllString(in.Initial, "ID"), in.Hint)
		for _, o := range in.Options {
			fmt.Fprintf(&s, "  - %s\n", o.Label)
		}
	}
	fmt.Fprintf(&s, "[%s]", f.Submit)
	return s.String()
}
