package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/perch-chat/perch/xapi/xfake"
)

// TestClosedInbox has an agent answer somebody who takes no messages any more:
// the answer is marked, the reason said, and a retry works once it can.
func TestClosedInbox(t *testing.T) {
	x, xURL := startX(t)
	p := startChild(t, xURL)
	x.AddRedirectURL(p.url + "/x/callback")
	connect(t, p)
	casey := customers()[0]
	if _, err := x.SendDMAs(casey.ID, company, "Hello?"); err != nil {
		t.Fatal(err)
	}
	p.user = "sam"
	steps := []error{
		enter(p, []string{"support", "Casey Rivera"}), click(p, []string{"Claim"}), p.reads("Sam is on it"),
		x.SetDMsClosed(casey.ID, true),
		say(p, []string{"Yes, we are here."}), p.reads("⚠ Not sent: “Yes, we are here.”"), p.reads("Yes, we are here.:warning:"),
	}
	for i, err := range steps {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if got := answersTo(x, casey); len(got) != 0 {
		t.Errorf("the customer got %q", got)
	}
	if err := p.reads("does not take direct messages"); err != nil {
		t.Errorf("the reason is not said: %v", err)
	}
	steps = []error{x.SetDMsClosed(casey.ID, false), click(p, []string{"Retry"}), p.reads(":white_check_mark:")}
	for i, err := range steps {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if got := answersTo(x, casey); len(got) != 1 {
		t.Errorf("the customer got %q, want the answer once", got)
	}
}

// TestSignature has strangers deliver events: nothing comes of it.
func TestSignature(t *testing.T) {
	_, xURL := startX(t)
	p := startChild(t, xURL)
	for _, signature := range []string{"", "sha256=", "sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/x/webhook", strings.NewReader(`{"for_user_id":"`+company+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		if signature != "" {
			req.Header.Set("X-Twitter-Webhooks-Signature", signature)
		}
		status, body, err := send(p.client, req)
		if err != nil || status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("signature %q: %d %s, %v", signature, status, body, err)
		}
	}
}

func answersTo(x *xfake.Server, c xfake.User) []string {
	var out []string
	for _, d := range x.DMs(company, c.ID) {
		if d.From == company && !strings.HasPrefix(d.Text, "Thanks for") {
			out = append(out, d.Text)
		}
	}
	return out
}
