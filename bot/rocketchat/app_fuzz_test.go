package rocketchat

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

type takes func(ev bot.Event)

func (fn takes) Deliver(_ context.Context, ev bot.Event) error {
	fn(ev)
	return nil
}

// FuzzApp: whatever comes signed, the answer is JSON, and what is stored says
// who did what where in refs that the adapter understands.
func FuzzApp(f *testing.F) {
	f.Add(`{"type":"command","id":"c1","at":"2020-01-01T00:00:00Z","user":{"id":"u1","name":"Ada"},"room":{"id":"r1"},"thread":"m1","command":"/twitter","text":"x"}`)
	const secret = "s"
	own, err := New(Options{URL: "http://127.0.0.1:1", UserID: "bot", Token: "t", AppSecret: secret})
	if err != nil {
		f.Fatal(err)
	}
	own.people["u1"] = person{ID: "u1", Username: "ada"}
	f.Add(`{"type":"action","id":"a1","user":{"id":"u1"},"room":{"id":"r1"},"message":"m2","thread":"m1","value":"` + own.appPress("r1", "!perch claim .m2 7 ? Sure") + `"}`)
	f.Add(`{"type":"submit","id":"a1","user":{"id":"u1"},"view":"` + own.sealForm(bot.Form{ID: "f", Inputs: []bot.Input{{Name: "a"}}}, "u1", "t1") + `","fields":{"a":"b"}}`)
	f.Add(`{"type":"settings","id":"s1","settings":{"a":"b"}}`)
	f.Add(`{"type":"bye","id":"b1"}`)
	f.Fuzz(func(t *testing.T, body string) {
		a, err := New(Options{URL: "http://127.0.0.1:1", UserID: "bot", Token: "t", AppSecret: secret})
		if err != nil {
			t.Fatal(err)
		}
		var got []bot.Event
		var sink bot.Sink = takes(func(ev bot.Event) { got = append(got, ev) })
		a.sink.Store(&sink)
		a.people = own.people
		var what struct{ Type string }
		_ = json.Unmarshal([]byte(body), &what) // the handler says what it thinks of that
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v1:" + stamp + ":" + body))
		r := httptest.NewRequest(http.MethodPost, "/rocketchat/app", strings.NewReader(body))
		r.Header.Set("X-Perch-Timestamp", stamp)
		r.Header.Set("X-Perch-Signature", hex.EncodeToString(mac.Sum(nil)))
		rec := httptest.NewRecorder()
		a.App().ServeHTTP(rec, r)
		if !json.Valid(rec.Body.Bytes()) || rec.Code == http.StatusOK && what.Type != "bye" != (len(got) == 1) {
			t.Fatalf("%d %s, %d stored", rec.Code, rec.Body, len(got))
		}
		for _, ev := range got {
			if _, ok := userID(ev.User.Ref); !ok || ev.ID == "" || time.Since(ev.At) > appWithin+time.Minute {
				t.Errorf("nobody, nothing or long ago: %+v", ev)
			}
			if _, ok := roomID(ev.Channel); ev.Channel != "" && !ok {
				t.Errorf("channel %q", ev.Channel)
			}
			for _, ref := range []bot.MessageRef{ev.Message, ev.Thread} {
				if room, _, ok := messageID(ref); ref != "" && (!ok || roomRef(room) != ev.Channel) {
					t.Errorf("message %q in %q", ref, ev.Channel)
				}
			}
			if ev.Kind == bot.EventCommand && !slices.Contains(orders(), strings.TrimPrefix(ev.Command, "/")) {
				t.Errorf("command %q", ev.Command)
			}
		}
	})
}
