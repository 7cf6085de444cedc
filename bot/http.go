package bot

import (
	"net/http"
	"time"
)

// callTimeout is how long a call to a chat may take where nothing else is said.
const callTimeout = 30 * time.Second

// CallClient returns a client for calls to one chat that carry a login: a copy
// of h, which may be nil. It follows no redirect, for one would carry the login
// to another host, or make another call of it. Conns connections are kept open
// for the next call: all go to one host, of which net/http keeps two.
func CallClient(h *http.Client, conns int) *http.Client {
	if h == nil {
		h = &http.Client{}
	}
	own := *h
	if t, ok := http.DefaultTransport.(*http.Transport); ok && own.Transport == nil {
		t = t.Clone()
		t.MaxIdleConnsPerHost = conns
		own.Transport = t
	}
	if own.Timeout <= 0 {
		own.Timeout = callTimeout
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
