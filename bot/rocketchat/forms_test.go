package rocketchat

import (
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// A form is there for half an hour, for whoever has its address, and one address
// says nothing of another.
func TestFormsEnd(t *testing.T) {
	var f forms
	began := time.Now()
	first := f.put("", opened{form: bot.Form{ID: "a"}, user: "ada"}, began)
	second := f.put("", opened{form: bot.Form{ID: "b"}, user: "rio"}, began.Add(time.Minute))
	if first == second || len(first) < 26 {
		t.Errorf("addresses %q and %q", first, second)
	}
	for _, c := range []struct {
		token string
		after time.Duration
		ok    bool
	}{
		{first, 0, true}, {first, formLife - time.Second, true}, {first, formLife, false}, {second, formLife, true}, {second, formLife + time.Minute, false}, {"", 0, false}, {"x", 0, false},
	} {
		o, ok := f.get(c.token, began.Add(c.after))
		if ok != c.ok || ok && (o.seal == "" || o.seal == c.token) {
			t.Errorf("%q after %s: %+v, %v", c.token, c.after, o, ok)
		}
	}
	f.done(first)
	if o, _ := f.get(first, began); !o.sent {
		t.Error("a form that was sent is not known as sent")
	}
	f.put("", opened{user: "ada"}, began.Add(2*formLife))
	if len(f.open) != 1 {
		t.Errorf("%d forms are kept, want those that are not over", len(f.open))
	}
}
