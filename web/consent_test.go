package web_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/web"
)

// brokenAccounts can begin nothing, by an error or by a panic.
type brokenAccounts struct {
	fakeAccounts
	panics bool
}

func (b brokenAccounts) Start(context.Context, string) (string, string, error) {
	if b.panics {
		panic("no table")
	}
	return "", "", errors.New("disk full")
}

// TestTicketsAreNotLogged: who has the ticket has the link.
func TestTicketsAreNotLogged(t *testing.T) {
	t.Parallel()
	for _, panics := range []bool{false, true} {
		var log bytes.Buffer
		w := newWorld(t, func(d *web.Deps) {
			d.Accounts, d.Log = brokenAccounts{panics: panics}, slog.New(slog.NewTextHandler(&log, nil))
		})
		if a := w.do("GET", "/x/start/tick3t", ""); a.Status != 500 {
			t.Errorf("start = %d %s", a.Status, a.Body)
		}
		if got := log.String(); !strings.Contains(got, "level=ERROR") || strings.Contains(got, "tick3t") {
			t.Errorf("the log reads %s", got)
		}
	}
}

// TestReasonIsLogged: the page says what to do, and the log why.
func TestReasonIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	refused := &accounts.Error{Code: accounts.CodeExchange, Message: "X did not complete the connection.", Err: errors.New("401 invalid_client")}
	w := newWorld(t, func(d *web.Deps) {
		d.Accounts, d.Log = fakeAccounts{finishErr: refused}, slog.New(slog.NewTextHandler(&log, nil))
	})
	a := w.do("GET", "/x/callback?state=s1&code=c1", "", "Cookie", "perch_x_auth=cookie1")
	if a.Status != 400 || !strings.Contains(words(t, a), "X did not complete the connection.") || strings.Contains(a.Body, "invalid_client") {
		t.Errorf("page = %d %s", a.Status, a.Body)
	}
	if !strings.Contains(log.String(), "401 invalid_client") {
		t.Errorf("the log reads %s", log.String())
	}
}
