package slack

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
)

// scene is a Web API without a network, so that time can be played.
type scene struct {
	mu    sync.Mutex
	calls []string // the method and what the view says
	fail  map[string]string
}

func (s *scene) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, err
	}
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	said := method
	for _, word := range []string{"Loading", "takes longer", "Declare"} {
		if strings.Contains(form.Get("view"), word) {
			said += " " + word
		}
	}
	if strings.HasPrefix(method, "views.") {
		s.calls = append(s.calls, said)
	}
	body := `{"ok":true,"team_id":"T1","user_id":"UBOT"}`
	if e := s.fail[method]; e != "" {
		b, err := json.Marshal(map[string]any{"ok": false, "error": e})
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (s *scene) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, ", ")
}

// inLoading plays one command for which a view is opened early.
func inLoading(t *testing.T, s *scene, play func(t *testing.T, a *Adapter, trigger string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, err := New(Options{
			BotToken: testToken, AppToken: testApp, HTTP: &http.Client{Transport: s},
			Opens: func(bot.Event) (string, bool) { return "New incident", true },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.modals.start()()
		sink := &memory{}
		d := delivery{kind: kindCommand, id: "e", payload: json.RawMessage(`{"command":"/incident","user_id":"U1","channel_id":"C1","trigger_id":"1.2.3"}`)}
		if err := a.take(t.Context(), sink, d); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := a.take(t.Context(), sink, d); err != nil { // the same once more opens nothing
			t.Fatal(err)
		}
		ev := sink.events()
		if len(ev) != 2 || ev[0].Trigger != ev[1].Trigger || !strings.HasPrefix(ev[0].Trigger, viewMark) {
			t.Fatalf("stored %+v", ev)
		}
		play(t, a, ev[0].Trigger)
	})
}

func declare() bot.Form {
	return bot.Form{ID: "f", Title: "Declare", Inputs: []bot.Input{{Name: "n", Label: "N"}}}
}

func TestAViewThatNothingFillsSaysSo(t *testing.T) {
	s := &scene{}
	inLoading(t, s, func(t *testing.T, a *Adapter, trigger string) {
		<-time.After(lateAfter - time.Millisecond)
		synctest.Wait()
		if got, want := s.said(), "views.open Loading"; got != want {
			t.Errorf("before its time: %s, want %s", got, want)
		}
		<-time.After(time.Second)
		synctest.Wait()
		// What comes at last still takes its place.
		if err := a.Open(t.Context(), trigger, declare()); err != nil {
			t.Errorf("Open = %v", err)
		}
		if got, want := s.said(), "views.open Loading, views.update takes longer, views.update Declare"; got != want {
			t.Errorf("Slack was asked %s, want %s", got, want)
		}
	})
}

func TestAFilledViewStaysAsItIs(t *testing.T) {
	s := &scene{}
	inLoading(t, s, func(t *testing.T, a *Adapter, trigger string) {
		if err := a.Open(t.Context(), trigger, declare()); err != nil {
			t.Errorf("Open = %v", err)
		}
		<-time.After(2 * lateAfter)
		synctest.Wait()
		if got, want := s.said(), "views.open Loading, views.update Declare"; got != want {
			t.Errorf("Slack was asked %s, want %s", got, want)
		}
	})
}

func TestTheEndDoesNotWaitForViews(t *testing.T) {
	s := &scene{}
	var began time.Time
	inLoading(t, s, func(*testing.T, *Adapter, string) { began = time.Now() })
	synctest.Test(t, func(t *testing.T) {
		m := &modals{}
		l := &loading{name: "x"}
		if m.add(l, nil) {
			t.Error("a view was opened although nothing runs")
		}
		end := m.start()
		m.add(l, func(quit <-chan struct{}) { <-quit })
		end()
		if m.add(&loading{name: "y"}, nil) {
			t.Error("a view was opened after the end")
		}
	})
	if began.IsZero() {
		t.Error("it did not run")
	}
	if strings.Contains(s.said(), "takes longer") {
		t.Error("the end said that it takes long")
	}
}

func TestAViewOfAnUnknownProcess(t *testing.T) {
	s := &scene{fail: map[string]string{"views.update": "not_found"}}
	synctest.Test(t, func(t *testing.T) {
		a, err := New(Options{BotToken: testToken, AppToken: testApp, HTTP: &http.Client{Transport: s}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = a.Open(t.Context(), viewMark+"perch-x", declare())
		if code(err) != "view_closed" || time.Since(began) > triggerLife+time.Second || time.Since(began) < triggerLife {
			t.Errorf("Open = %v after %v, want that it looks as long as the view may still open", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Open(ctx, viewMark+"perch-x", declare()); err == nil {
			t.Error("Open with a context that has ended: no error")
		}
	})
}

func TestLoadingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &modals{}
		end := m.start()
		n := 0
		for i := range maxLoading + 10 {
			if m.add(&loading{name: string(rune('a' + i)), began: time.Now()}, func(quit <-chan struct{}) { <-quit }) {
				n++
			}
		}
		if n != maxLoading {
			t.Errorf("%d views wait at once, want %d", n, maxLoading)
		}
		end()
		end = m.start()
		defer end()
		for i := range loadingKept {
			m.add(&loading{name: string(rune(10_000 + i)), began: time.Now()}, func(<-chan struct{}) {})
			synctest.Wait()
		}
		if len(m.at) != loadingKept {
			t.Errorf("%d views are remembered, want %d", len(m.at), loadingKept)
		}
		<-time.After(loadingLife + time.Second)
		if !m.add(&loading{name: "new", began: time.Now()}, func(<-chan struct{}) {}) || len(m.at) != 1 {
			t.Errorf("after their time %d are remembered", len(m.at))
		}
	})
}
