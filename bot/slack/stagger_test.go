package slack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The second socket is not opened beside the first, but after it: Slack ages
// them alike, and would refresh both at once.
func TestSocketsStartOneAfterTheOther(t *testing.T) {
	var opens atomic.Int64
	alone := make(chan bool, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "apps.connections.open") {
			_, _ = w.Write([]byte(`{"ok":true,"team_id":"T1","user_id":"UBOT","bot_id":"BBOT","user":"perch"}`))
			return
		}
		if opens.Add(1) == 1 {
			<-time.After(500 * time.Millisecond)
			alone <- opens.Load() == 1
		}
		_, _ = w.Write([]byte(`{"ok":false,"error":"invalid_auth"}`))
	}))
	defer srv.Close()
	a, err := New(Options{BotToken: testToken, AppToken: "xapp-1", APIURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Run(ctx, &memory{}); err == nil {
		t.Error("Run ended well")
	}
	if !<-alone {
		t.Error("two sockets were opened at the same moment")
	}
}
