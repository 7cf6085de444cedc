package slackfake

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// peer is a bare Socket Mode client, so that frames are seen as they are.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
}

type frame struct {
	Type           string          `json:"type"`
	Reason         string          `json:"reason"`
	EnvelopeID     string          `json:"envelope_id"`
	Payload        json.RawMessage `json:"payload"`
	NumConnections int             `json:"num_connections"`
	RetryAttempt   int             `json:"retry_attempt"`
	RetryReason    string          `json:"retry_reason"`
	Accepts        bool            `json:"accepts_response_payload"`
	ConnectionInfo struct {
		AppID string `json:"app_id"`
	} `json:"connection_info"`
}

func (f frame) eventID(t *testing.T) string {
	t.Helper()
	var o struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(f.Payload, &o); err != nil {
		t.Fatal(err)
	}
	return o.EventID
}

func ask(t *testing.T, web *httptest.Server, token, method, body string) (int, http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/api/"+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := web.Client().Do(req)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer res.Body.Close()
	var o map[string]any
	if err := json.NewDecoder(res.Body).Decode(&o); err != nil {
		t.Fatalf("%s: status %d: %v", method, res.StatusCode, err)
	}
	return res.StatusCode, res.Header, o
}

func bot(t *testing.T, web *httptest.Server, method, body string) map[string]any {
	t.Helper()
	_, _, o := ask(t, web, "xoxb-perch-bot", method, body)
	return o
}

func dial(t *testing.T, web *httptest.Server) *peer {
	t.Helper()
	_, _, o := ask(t, web, "xapp-perch-app", "apps.connections.open", "")
	u, _ := o["url"].(string)
	ws, res, err := websocket.Dial(t.Context(), u, nil)
	if err != nil {
		t.Fatalf("dial %q (%v): %v", u, o, err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	if _, _, err := websocket.Dial(t.Context(), u, nil); err == nil { //nolint:bodyclose // refused
		t.Error("a socket URL works twice")
	}
	return &peer{t, ws}
}

func (p *peer) read() frame {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := p.ws.Read(ctx)
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		p.t.Fatalf("frame %s: %v", b, err)
	}
	return f
}

func (p *peer) want(typ string) frame {
	p.t.Helper()
	f := p.read()
	if f.Type != typ {
		p.t.Fatalf("frame %+v, want type %s", f, typ)
	}
	return f
}

func (p *peer) ack(id string, payload any) {
	p.t.Helper()
	o := map[string]any{"envelope_id": id}
	if payload != nil {
		o["payload"] = payload
	}
	if err := p.ws.Write(p.t.Context(), websocket.MessageText, mustJSON(o)); err != nil {
		p.t.Fatalf("ack: %v", err)
	}
}

func TestHello(t *testing.T) {
	_, web := start(t, Options{MaxConnections: 2})
	for i := range 2 {
		f := dial(t, web).want("hello")
		if f.NumConnections != i+1 || f.ConnectionInfo.AppID != "A0PERCH" {
			t.Errorf("hello = %+v, want connection %d of A0PERCH", f, i+1)
		}
	}
	if f := dial(t, web).want("disconnect"); f.Reason != "too_many_websockets" {
		t.Errorf("a third connection gets %q, want too_many_websockets", f.Reason)
	}
}

// An event that nobody acks comes again at once, after a minute and after five
// more, in new envelopes; then Slack gives up.
func TestRetries(t *testing.T) {
	clock := NewClock(time.Unix(1_800_000_000, 0))
	s, web := start(t, Options{Clock: clock})
	p := dial(t, web)
	p.want("hello")
	if _, err := s.PersonSays("ada", "support", "hello"); err != nil {
		t.Fatal(err)
	}
	first := p.want("events_api")
	seen := map[string]bool{first.EnvelopeID: true}
	for i, wait := range []time.Duration{0, time.Minute, 5 * time.Minute} {
		clock.Advance(3 * time.Second)
		clock.Advance(wait)
		f := p.want("events_api")
		if seen[f.EnvelopeID] || f.eventID(t) != first.eventID(t) || f.RetryAttempt != i+1 || f.RetryReason != "timeout" {
			t.Errorf("retry %d = %+v, want attempt %d of event %s in a new envelope", i+1, f, i+1, first.eventID(t))
		}
		seen[f.EnvelopeID] = true
	}
	clock.Advance(time.Hour)
	u := s.Unacked()
	if len(u) != 1 || u[0].Attempt != 3 {
		t.Fatalf("unacked = %+v, want the third retry", u)
	}
	p.ack(first.EnvelopeID, nil)
	within(t, s, "the late ack", func() bool { return len(s.Acks()) == 1 })
	if !s.Acks()[0].Late || len(s.Unacked()) != 1 {
		t.Errorf("acks = %+v: an ack after an hour counts", s.Acks())
	}
}

// Commands come once; whoever typed one is told if it wasn't taken.
func TestCommandTimeout(t *testing.T) {
	clock := NewClock(time.Unix(1_800_000_000, 0))
	s, web := start(t, Options{Clock: clock})
	s.Command("ada", "support", "/twitter", "")
	p := dial(t, web)
	p.want("hello")
	s.Command("ada", "support", "/twitter", "")
	p.want("slash_commands")
	clock.Advance(time.Hour)
	got := s.Ephemerals("ada")
	if len(got) != 2 || !strings.Contains(got[0].Text, "dispatch_failed") || !strings.Contains(got[1].Text, "operation_timeout") {
		t.Errorf("Ada is told %+v, want dispatch_failed, then operation_timeout", got)
	}
}

func TestAckTooBig(t *testing.T) {
	s, web := start(t, Options{})
	p := dial(t, web)
	p.want("hello")
	d := s.Command("ada", "support", "/twitter", "")
	f := p.want("slash_commands")
	if !f.Accepts {
		t.Error("a command doesn't accept an answer in its ack")
	}
	p.ack(f.EnvelopeID, map[string]string{"text": strings.Repeat("x", maxAck)})
	within(t, s, "the big ack", func() bool { return len(s.Acks()) == 1 })
	if _, ok := d.Acked(); ok || !s.Acks()[0].TooBig {
		t.Error("an ack over 20,480 bytes counts")
	}
	p.ack(f.EnvelopeID, map[string]string{"text": "short"})
	<-d.Done()
	if es := s.Ephemerals("ada"); len(es) != 1 || es[0].Shown != "short" {
		t.Errorf("Ada sees %+v, want the short answer", es)
	}
}

// After the notice the old socket goes on getting envelopes until it closes,
// and acks on another socket don't count.
func TestRotate(t *testing.T) {
	s, web := start(t, Options{})
	old := dial(t, web)
	old.want("hello")
	s.Rotate(50 * time.Millisecond)
	if f := old.want("disconnect"); f.Reason != "warning" {
		t.Errorf("reason %q, want warning", f.Reason)
	}
	d := s.Command("ada", "support", "/twitter", "after the notice")
	f := old.want("slash_commands")
	next := dial(t, web)
	next.want("hello")
	next.ack(f.EnvelopeID, nil)
	within(t, s, "the ack on the wrong socket", func() bool { return len(s.Acks()) == 1 })
	if _, ok := d.Acked(); ok || !s.Acks()[0].WrongConn {
		t.Error("an ack on another socket counts")
	}
	old.ack(f.EnvelopeID, nil)
	<-d.Done()
	if f := old.want("disconnect"); f.Reason != "refresh_requested" {
		t.Errorf("reason %q, want refresh_requested", f.Reason)
	}
	if _, _, err := old.ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the old socket ends with %v, want a normal closure", err)
	}
	within(t, s, "one connection", func() bool { return len(s.Connections()) == 1 })
	s.Command("ada", "support", "/twitter", "")
	next.want("slash_commands")
}

func TestHalfOpen(t *testing.T) {
	s, web := start(t, Options{})
	deaf := dial(t, web)
	deaf.want("hello") // it is the oldest for sure
	p := dial(t, web)
	p.want("hello")
	deaf.ws.CloseRead(t.Context())
	if err := deaf.ws.Ping(t.Context()); err != nil {
		t.Fatalf("a ping before: %v", err)
	}
	ids := s.HalfOpen(false)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := deaf.ws.Ping(ctx); err == nil {
		t.Error("a half-open socket answers pings")
	}
	for range 20 {
		s.Command("ada", "support", "/twitter", "")
		p.want("slash_commands")
	}
	s.Drop(ids...)
	within(t, s, "one connection", func() bool { return len(s.Connections()) == 1 })
}

func TestHalfOpenLossy(t *testing.T) {
	s, web := start(t, Options{})
	dial(t, web).want("hello")
	s.HalfOpen(true)
	s.Command("ada", "support", "/twitter", "")
	if u := s.Unacked(); len(u) != 1 || !u[0].Lost {
		t.Errorf("unacked = %+v, want one that is lost", u)
	}
}

func TestDropAndFailedOpens(t *testing.T) {
	s, web := start(t, Options{})
	p := dial(t, web)
	p.want("hello")
	s.Drop()
	if _, _, err := p.ws.Read(t.Context()); err == nil || websocket.CloseStatus(err) != -1 {
		t.Errorf("a cut socket ends with %v, want no close frame", err)
	}
	s.FailOpens(2, "internal_error", "503")
	for i, want := range []int{200, 503, 200} {
		status, _, o := ask(t, web, "xapp-perch-app", "apps.connections.open", "")
		if status != want || (o["ok"] == true) != (i == 2) {
			t.Errorf("open %d: status %d, %v", i, status, o)
		}
	}
	s.DisableLink()
	if _, _, o := ask(t, web, "xapp-perch-app", "apps.connections.open", ""); o["ok"] == true {
		t.Error("a socket opens with Socket Mode off")
	}
	s.EnableLink()
	dial(t, web).want("hello")
}

func TestDisableLink(t *testing.T) {
	s, web := start(t, Options{})
	p := dial(t, web)
	p.want("hello")
	done := make(chan struct{})
	go func() { defer close(done); s.DisableLink() }()
	if f := p.want("disconnect"); f.Reason != "link_disabled" {
		t.Errorf("reason %q, want link_disabled", f.Reason)
	}
	<-done
}

// Every envelope goes to one connection, and each gets its share.
func TestRandomRouting(t *testing.T) {
	s, web := start(t, Options{Seed: 7})
	var mu sync.Mutex
	count := make([]int, 3)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for i := range count {
		p := dial(t, web)
		p.want("hello")
		wg.Go(func() {
			for {
				_, b, err := p.ws.Read(ctx)
				if err != nil {
					return
				}
				var f frame
				if json.Unmarshal(b, &f) != nil || f.EnvelopeID == "" {
					continue
				}
				mu.Lock()
				count[i]++
				mu.Unlock()
				_ = p.ws.Write(ctx, websocket.MessageText, mustJSON(obj{"envelope_id": f.EnvelopeID}))
			}
		})
	}
	for range 90 {
		<-s.Command("ada", "support", "/twitter", "").Done()
	}
	cancel()
	wg.Wait()
	if n := count[0] + count[1] + count[2]; n != 90 || min(count[0], count[1], count[2]) < 15 {
		t.Errorf("connections got %v, want 90 in all and a share for each", count)
	}
	if u := s.Unacked(); len(u) != 0 {
		t.Errorf("%d unacked", len(u))
	}
}
