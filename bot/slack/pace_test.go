package slack

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
)

func TestPacerKeepsToWhatIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for method, most := range map[string]int{"chat.update": 50, "reactions.remove": 20, "users.info": 100} {
			p := &pacer{known: true}
			var at []time.Time
			for len(at) < 300 {
				if p.take(method, nil) == nil {
					at = append(at, time.Now())
					continue
				}
				<-time.After(100 * time.Millisecond)
			}
			for i := most; i < len(at); i++ {
				if d := at[i].Sub(at[i-most]); d < time.Minute {
					t.Fatalf("%s: %d calls in %v, more than %d a minute", method, most+1, d, most)
				}
			}
			if took := at[len(at)-1].Sub(at[0]); took > time.Duration(300/(float64(most)*0.65))*time.Minute {
				t.Errorf("%s: 300 calls took %v, slower than need be", method, took)
			}
		}
		p := &pacer{known: true}
		one, two := values("channel", "C1"), values("channel", "C2")
		for range 3 {
			if err := p.take(methodPost, one); err != nil {
				t.Errorf("a short burst: %v", err)
			}
		}
		if after, ok := asked(p.take(methodPost, one)); !ok || after != 2*time.Second {
			t.Errorf("the fourth post at once is to wait %v, %t, want the seconds rounded up", after, ok)
		}
		if err := p.take(methodPost, two); err != nil {
			t.Errorf("another channel: %v", err)
		}
		for range 1000 {
			for _, m := range []string{"views.open", "views.update", "auth.test", "apps.connections.open"} {
				if err := p.take(m, nil); err != nil {
					t.Fatalf("%s can't wait: %v", m, err)
				}
			}
		}
	})
}

func TestPacerHeedsSlack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{}
		for range 1000 {
			if err := p.take("chat.update", nil); err != nil {
				t.Fatalf("a limit that nobody spoke of: %v", err)
			}
		}
		p.heard("chat.update", nil, slower(30))
		p.heard("chat.delete", nil, noMessage()) // another refusal says nothing of limits
		if after, ok := asked(p.take("chat.update", nil)); !ok || after != 30*time.Second {
			t.Errorf("after Retry-After: 30 the next is to wait %v, %t", after, ok)
		}
		if err := p.take("chat.delete", nil); err != nil {
			t.Errorf("another method: %v", err)
		}
		p.heard("chat.update", nil, slower(5)) // a shorter wait does not undo a longer one
		<-time.After(29 * time.Second)
		if p.take("chat.update", nil) == nil {
			t.Error("a call went through a second too early")
		}
		<-time.After(time.Second)
		if err := p.take("chat.update", nil); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		if p.take("chat.update", nil) == nil {
			t.Error("right behind it another went through")
		}
		<-time.After(paceKept + time.Minute)
		for range 1000 {
			if err := p.take("chat.update", nil); err != nil {
				t.Fatalf("long after: %v", err)
			}
		}
	})
}

func TestPacerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{known: true}
		for i := range 4 * maxPaces {
			if err := p.take(methodPost, values("channel", fmt.Sprint("C", i))); err != nil {
				t.Fatal(err)
			}
			if i%100 == 0 && i < 2*maxPaces { // later all at once
				<-time.After(2 * time.Second)
			}
		}
		if n := len(p.at); n > maxPaces {
			t.Errorf("%d channels are remembered", n)
		}
	})
}

// Each kind of action waits in the queue of the method that it calls, behind that
// of its workspace.
func TestLanes(t *testing.T) {
	for team, prefix := range map[string]string{"": "slack:", "T1": "slack:T1:"} {
		a := &Adapter{refs: refs{team: team}, web: newClient(nil, "")}
		msg, ch, user := prefix+"C1:17.5", prefix+"C1", prefix+"U1"
		for _, tt := range []struct {
			kind, ref string
			on        bool
			want      string
		}{
			{bot.KindPost, ch, false, "chat.postMessage:C1"},
			{bot.KindPost, user, false, "chat.postMessage:U1"},
			{bot.KindEdit, msg, false, "chat.update"},
			{bot.KindDelete, msg, false, "chat.delete"},
			{bot.KindReact, msg, true, "reactions.add"},
			{bot.KindReact, msg, false, "reactions.remove"},
			{bot.KindPin, msg, true, "pins.add"},
			{bot.KindPin, msg, false, "pins.remove"},
			{bot.KindHome, user, false, "views.publish"},
			{bot.KindRead, msg, false, "conversations.replies"},
			{bot.KindHistory, msg, false, "conversations.replies"},
			{bot.KindMembers, prefix + "S1", false, "usergroups.users.list"},
			{bot.KindPerson, user, false, "users.info"},
			{bot.KindInspect, ch, false, "conversations.info"},
			{bot.KindInvite, ch, false, "conversations.invite"},
			{bot.KindArchive, ch, false, "conversations.archive"},
			{bot.KindChannel, "slack:", false, "conversations.create"},
			{bot.KindUpload, ch, false, "files.completeUploadExternal"},
			{bot.KindOpen, "", false, ""},
			{bot.KindEdit, prefix + "C1:only-17.5", false, ""},
			{bot.KindPost, "webchat:x", false, ""},
		} {
			got := a.Lanes(tt.kind, tt.ref, tt.on)
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("%s of %s waits in %q", tt.kind, tt.ref, got)
				}
				continue
			}
			if want := []string{Lane(team), "chat:" + prefix + tt.want}; !slices.Equal(got, want) {
				t.Errorf("%s of %s waits in %q, want %q", tt.kind, tt.ref, got, want)
			}
			method, channel, _ := strings.Cut(tt.want, ":")
			for key(method, channel) != "" && a.web.pace.take(method, values("channel", channel)) == nil {
			}
			if n, next := a.Left(got[1]); n != 0 || !next.After(time.Now()) {
				t.Errorf("%s: when no more goes, %d are left and the next goes at %v", got[1], n, next)
			}
		}
		if n, next := a.Left("chat:slack:T9:chat.update"); n != 0 || !next.IsZero() {
			t.Errorf("of another workspace's queue %d, %v are known", n, next)
		}
	}
}

// A refusal that asks to wait is heeded for its method, over the wire.
func TestRefusedCallsAreNotRepeated(t *testing.T) {
	asked := 0
	a := testAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for range 5 {
		if err := a.Delete(t.Context(), "slack:C1:17.5"); code(err) != "ratelimited" {
			t.Errorf("Delete = %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("Slack was asked %d times, want once", asked)
	}
}
