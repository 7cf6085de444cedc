package xapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cut ends the connection in the middle of an answer.
func cut(t *testing.T, w http.ResponseWriter, before string) {
	t.Helper()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("hijack: %v", err)
		return
	}
	_, _ = rw.WriteString(before)
	_ = rw.Flush()
	_ = conn.Close()
}

// TestLostAnswers: what was never sent had no effect; what was sent may have.
func TestLostAnswers(t *testing.T) {
	refusing := func(t *testing.T) string { // nobody listens there any more
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		return "http://" + l.Addr().String()
	}
	serve := func(h http.HandlerFunc) func(*testing.T) string {
		return func(t *testing.T) string {
			srv := httptest.NewServer(h)
			t.Cleanup(srv.Close)
			return srv.URL
		}
	}
	read := func(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	tests := []struct {
		name   string
		base   func(*testing.T) string
		sent   bool
		code   Code
		status int
	}{
		{"connection refused", refusing, false, CodeNetwork, 0},
		{"TLS fails", func(t *testing.T) string {
			srv := httptest.NewUnstartedServer(answering(200, `{}`))
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			srv.StartTLS() // with a certificate of nobody we trust
			t.Cleanup(srv.Close)
			return srv.URL
		}, false, CodeNetwork, 0},
		{"not TLS", func(t *testing.T) string {
			return strings.Replace(serve(answering(200, `{}`))(t), "http:", "https:", 1)
		}, false, CodeNetwork, 0},
		{"cut before the answer", serve(func(w http.ResponseWriter, r *http.Request) { read(r); cut(t, w, "") }), true, CodeNetwork, 0},
		{"cut in the head", serve(func(w http.ResponseWriter, r *http.Request) { read(r); cut(t, w, "HTTP/1.1 201 Cre") }), true, CodeNetwork, 0},
		{"cut in the body", serve(func(w http.ResponseWriter, r *http.Request) {
			read(r)
			cut(t, w, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"data\":")
		}), true, CodeNetwork, 0},
		{"not HTTP", serve(func(w http.ResponseWriter, r *http.Request) { read(r); cut(t, w, "220 smtp.example ESMTP\r\n\r\n") }), true, CodeNetwork, 0},
		{"not JSON", serve(answering(201, `<html>`)), true, CodeBadResponse, 201},
		{"empty", serve(answering(201, ``)), true, CodeBadResponse, 201},
		{"half JSON", serve(answering(201, `{"data":{"id":"1"`)), true, CodeBadResponse, 201},
		{"no id", serve(answering(201, `{"data":{"text":"hi"}}`)), true, CodeBadResponse, 200},
		{"too big", serve(answering(201, `{"data":{"id":"1","text":"`+strings.Repeat("x", maxBody)+`"}}`)), true, CodeBadResponse, 201},
		{"server error", serve(answering(502, `<html>bad gateway`)), true, CodeServer, 502},
		{"redirect", serve(answering(307, ``, "Location", "http://127.0.0.1:1/elsewhere")), false, CodeBadResponse, 307},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := clientOf(tt.base(t), &http.Client{Transport: &http.Transport{}})
			_, _, err := c.CreatePost(t.Context(), canary, Post{Text: "hi"})
			e := asError(t, err)
			if e.Uncertain != tt.sent || e.Code != tt.code || e.Status != tt.status || !e.Temporary() {
				t.Errorf("got uncertain %v, %q, %d, temporary %v, want %v, %q, %d, true (%v)", e.Uncertain, e.Code, e.Status, e.Temporary(), tt.sent, tt.code, tt.status, e)
			}
			if _, _, err := c.DMEvents(t.Context(), canary, DMOptions{}); err != nil && asError(t, err).Uncertain {
				t.Errorf("reading is uncertain: %v", err)
			}
		})
	}
}

// TestAReusedConnectionThatDied: a post goes out once, however the connection ends.
func TestAReusedConnectionThatDied(t *testing.T) {
	var posts atomic.Int32
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPost {
			posts.Add(1)
			cut(t, w, "")
			return
		}
		answering(200, userAnswer)(w, r)
	})
	if _, err := c.Me(t.Context(), canary); err != nil { // opens the connection
		t.Fatal(err)
	}
	_, _, err := c.CreatePost(t.Context(), canary, Post{Text: "hi"})
	if e := asError(t, err); !e.Uncertain || posts.Load() != 1 {
		t.Errorf("got %v after %d posts, want one that is uncertain", e, posts.Load())
	}
}

// TestARoundTripperThatTellsNothing may have sent the request.
func TestARoundTripperThatTellsNothing(t *testing.T) {
	c := clientOf("http://x.invalid", &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, io.ErrUnexpectedEOF
	})})
	_, _, err := c.CreatePost(t.Context(), canary, Post{Text: "hi"})
	if e := asError(t, err); !e.Uncertain || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want it uncertain", e)
	}
	_, err = c.Refresh(t.Context(), canary)
	if e := asError(t, err); !e.Uncertain {
		t.Errorf("refresh: got %v, want it uncertain", e)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCanceledInTheMiddle runs every call into a server that never answers.
func TestCanceledInTheMiddle(t *testing.T) {
	for _, call := range everyCall() {
		t.Run(call.name, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			c := newClient(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				arrived <- struct{}{}
				<-r.Context().Done()
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- call.run(ctx, c) }()
			<-arrived
			cancel()
			err := <-done
			if e := asError(t, err); e.Code != CodeCanceled || !errors.Is(err, context.Canceled) || e.Uncertain != call.effective {
				t.Errorf("got %q, uncertain %v, %v; want canceled, %v", e.Code, e.Uncertain, err, call.effective)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	c := newClient(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Refresh(ctx, canary)
	if e := asError(t, err); !e.Uncertain || e.Code != CodeNetwork || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a refresh that timed out: got %v, want it uncertain", e)
	}
	c.http.Timeout = 20 * time.Millisecond
	_, _, err = c.SendDM(t.Context(), canary, "1", DM{Text: "x"})
	if e := asError(t, err); !e.Uncertain || e.Code != CodeNetwork || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the client's own timeout: got %v, want it uncertain", e)
	}
}

// TestNoSecretInErrors plants secrets in everything a call has, and a server
// that throws all of it back.
func TestNoSecretInErrors(t *testing.T) {
	echo := func(status int, shape string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			all := r.Header.Get("Authorization") + " " + r.URL.String() + " " + string(body)
			quoted := strings.ToValidUTF8(fmt.Sprintf("%q", all), "")
			answering(status, fmt.Sprintf(shape, quoted))(w, r)
		}
	}
	shapes := map[string]string{
		"problem": `{"title":%[1]s,"detail":%[1]s,"type":%[1]s}`,
		"list":    `{"errors":[{"message":%[1]s}]}`,
		"oauth":   `{"error":"invalid_request","error_description":%[1]s}`,
		"plain":   `%s`,
	}
	handlers := map[string]http.HandlerFunc{
		"cut":     func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); cut(t, w, "") },
		"garbage": func(w http.ResponseWriter, r *http.Request) { cut(t, w, r.Header.Get("Authorization")+"\r\n\r\n") },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			answering(302, "", "Location", "http://127.0.0.1:1/?"+r.Header.Get("Authorization"))(w, r)
		},
	}
	for name, shape := range shapes {
		for _, status := range []int{200, 400, 401, 403, 500} {
			handlers[fmt.Sprint(name, " ", status)] = echo(status, shape)
		}
	}
	for name, h := range handlers {
		c := newClient(t, h)
		c.cfg.BearerToken = appToken
		for _, call := range everyCall() {
			noSecret(t, name+", "+call.name, call.run(t.Context(), c))
		}
		c.cfg.BearerToken = ""
		_, err := c.Webhooks(t.Context())
		noSecret(t, name+", app token", err)
	}
	c := clientOf("http://x.invalid", &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("cannot send %v", r.Header)
	})})
	for _, call := range everyCall() {
		noSecret(t, "transport, "+call.name, call.run(t.Context(), c))
	}
}

func noSecret(t *testing.T, name string, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, format := range []string{"%v", "%+v", "%#v"} {
			if s := fmt.Sprintf(format, e); strings.Contains(s, "canary") {
				t.Errorf("%s: the error shows a secret with %s: %s", name, format, s)
				return
			}
		}
	}
	var e *Error
	if errors.As(err, &e) && strings.Contains(e.Message+e.Detail+e.Title+e.Type, "canary") {
		t.Errorf("%s: the error holds a secret: %+v", name, e)
	}
}

func TestTokenHidesItself(t *testing.T) {
	tok := Token{AccessToken: canary, RefreshToken: canary}
	for _, s := range []string{fmt.Sprint(tok), fmt.Sprintf("%+v", tok), fmt.Sprintf("%#v", tok), fmt.Sprintf("%v", &tok), tok.LogValue().String()} {
		if strings.Contains(s, "canary") {
			t.Errorf("the token shows itself: %s", s)
		}
	}
}

// TestHeaders checks what every request carries.
func TestHeaders(t *testing.T) {
	for _, call := range everyCall() {
		seen := 0
		c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
			seen++
			if got := r.Header.Get("User-Agent"); got != "perch-xapi/1" {
				t.Errorf("%s: User-Agent %q", call.name, got)
			}
			if a := r.Header.Get("Authorization"); !strings.HasPrefix(a, "Bearer canary-") && !strings.HasPrefix(a, "Basic ") {
				t.Errorf("%s: Authorization %q", call.name, a)
			}
			if strings.Contains(r.URL.String(), "canary") {
				t.Errorf("%s: a secret in the address %s", call.name, r.URL)
			}
			answering(200, call.answer)(w, r)
		})
		if err := call.run(t.Context(), c); err != nil || seen == 0 {
			t.Errorf("%s: %v after %d requests", call.name, err, seen)
		}
	}
}

// TestCallerKeepsItsClient: the injected client is not changed.
func TestCallerKeepsItsClient(t *testing.T) {
	hc := &http.Client{Timeout: time.Second}
	c := New(Config{HTTP: hc})
	if hc.CheckRedirect != nil || c.http == hc || c.http.Timeout != time.Second {
		t.Error("New changed the caller's client, or lost its settings")
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		if err := wait(t.Context(), time.Second); err != nil {
			t.Error(err)
		}
	})
}

// TestHalfWrittenRequest: a server that stops reading a big body may have seen enough.
func TestHalfWrittenRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset, not a farewell
			_ = conn.Close()
		}
	}()
	c := clientOf("http://"+l.Addr().String(), &http.Client{Transport: &http.Transport{}})
	_, _, err = c.CreatePost(t.Context(), canary, Post{Text: strings.Repeat("x", 8<<20)})
	if e := asError(t, err); !e.Uncertain || e.Code != CodeNetwork {
		t.Errorf("got %v, want it uncertain", e)
	}
}
