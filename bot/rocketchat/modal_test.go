package rocketchat

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
)

func sealing(t *testing.T) *Adapter {
	t.Helper()
	a, err := New(Options{URL: "http://127.0.0.1:1", UserID: "bot", Token: "t", AppSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	a.SetSecret([]byte("the store's own"))
	a.people["u1"] = person{ID: "u1", Username: "ada"}
	return a
}

func TestSealedButtons(t *testing.T) {
	a := sealing(t)
	value := a.appPress("r1", pressed(bot.Button{ID: "claim", Value: "7", Confirm: "Sure?"}, "m1"))
	if p, ok := a.appPressed("r1", value); !ok || p.button != "claim" || p.value != "7" || p.message != "m1" || p.ask != "Sure?" {
		t.Errorf("%+v %v", p, ok)
	}
	a.o.AppSecret = "another" // the buttons that are there stay good
	if _, ok := a.appPressed("r1", value); !ok {
		t.Error("a new secret of the app's makes old buttons dead")
	}
	other := sealing(t)
	other.SetSecret([]byte("of another Perch"))
	for name, try := range map[string]struct {
		a           *Adapter
		room, value string
	}{
		"another room":   {a, "r2", value},
		"another button": {a, "r1", strings.Replace(value, "claim", "close", 1)},
		"no seal":        {a, "r1", "!perch claim .m1 7"},
		"a short seal":   {a, "r1", value[4:]},
		"nothing":        {a, "r1", ""},
		"another Perch":  {other, "r1", value},
		"a form's seal":  {a, "r1", a.sum("form", "!perch claim .m1") + ":!perch claim .m1"},
	} {
		if p, ok := try.a.appPressed(try.room, try.value); ok {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestSealedForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sealing(t)
		var got []bot.Event
		var sink bot.Sink = takes(func(ev bot.Event) { got = append(got, ev) })
		a.sink.Store(&sink)
		form := bot.Form{ID: "f", Title: "T", Inputs: []bot.Input{{Name: "a", Label: "A", Initial: "as it was", Max: 20}}, Channel: "rocketchat:r1"}
		view := a.sealForm(form, "u1", "t1")
		if form.Inputs[0].Label != "A" {
			t.Error("sealing a form changed it")
		}
		send := func(user, view string, fields map[string]string) string {
			in := told{ID: "x", View: view, Fields: fields}
			in.User.ID = user
			if r, ok := errors.AsType[*refused](a.appSubmit(t.Context(), in)); ok {
				return r.code + " " + http.StatusText(r.status)
			}
			return ""
		}
		for _, c := range []struct {
			user, view string
			fields     map[string]string
			want       string
		}{
			{"u1", view, nil, ""},
			{"u2", view, nil, "form_over Gone"},
			{"u1", view + "x", nil, "form_over Gone"},
			{"u1", "", nil, "form_over Gone"},
			{"u1", view, map[string]string{"a": ""}, "form Unprocessable Entity"},
			{"u1", view, map[string]string{"a": strings.Repeat("x", 21)}, "form Unprocessable Entity"},
			{"u1", view, map[string]string{"a": "mine", "b": "nobody asked"}, ""},
		} {
			if code := send(c.user, c.view, c.fields); code != c.want {
				t.Errorf("%s %v: %q, want %q", c.user, c.fields, code, c.want)
			}
		}
		if len(got) != 2 || got[0].ID != "form:t1" || got[1].ID != "form:t1" || got[0].Fields["a"] != "as it was" || got[1].Fields["a"] != "mine" || len(got[1].Fields) != 1 {
			t.Errorf("%+v", got)
		}
		time.Sleep(modalLife)
		if code := send("u1", view, nil); code != "form_over Gone" {
			t.Errorf("an old form: %q", code)
		}
	})
}

func TestAppTriggers(t *testing.T) {
	a := sealing(t)
	if got, ok := appTriggered(a.appTrigger("u1", "t1")); !ok || got.user != "u1" || got.id != "t1" || time.Since(got.at) > time.Minute {
		t.Errorf("%+v %v", got, ok)
	}
	for _, s := range []string{"", "user:u1", "app:u1:t1", "app:u1:t1:soon", "app:u:1:t1:5", "app::t1:5"} {
		if got, ok := appTriggered(s); ok {
			t.Errorf("%q is read as %+v", s, got)
		}
	}
}
