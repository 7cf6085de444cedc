package template_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/incident/template"
)

func TestMain(m *testing.M) {
	template.ChildMain()
	os.Exit(m.Run())
}

func vars() map[string]any {
	return map[string]any{"incident": map[string]any{
		"title": "Payments are slow", "status": "resolved", "severity": "sev2", "sequential_id": 42, "duration": 7200, "time_to_resolution": 2.5,
		"summary": "", "private": false, "started_at": "2026-03-14T09:26:53Z", "resolved_at": "",
		"events": []any{
			map[string]any{"event": "It broke", "occurred_at": "2026-03-14T09:26:53Z"},
			map[string]any{"event": "It works", "occurred_at": "2026-03-14T11:26:53Z"},
		},
	}}
}

// engine is patient, because tests share the machine.
func engine() *template.Engine { return template.New(template.Options{Timeout: 20 * time.Second}) }

func TestRender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{"no template at all", "no template at all"},
		{"a { brace } and 100%", "a { brace } and 100%"},
		{"Incident resolved: {{ incident.title }}. Thanks for your patience.", "Incident resolved: Payments are slow. Thanks for your patience."},
		{"{{ incident.title | upcase | truncate: 10 }}", "PAYMENT..."},
		{"#{{ incident.sequential_id }} took {{ incident.duration | divided_by: 60 }} min", "#42 took 120 min"},
		{"{{ incident.time_to_resolution }} h", "2.5 h"},
		{"{% if incident.severity == 'sev1' %}Bad{% elsif incident.severity == \"sev2\" %}Not so bad{% else %}Fine{% endif %}", "Not so bad"},
		{"{% for e in incident.events %}{{ forloop.index }} {{ e.event }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "1 It broke, 2 It works"},
		{"{{ incident.events.last.event }}", "It works"},
		{"{{ incident.events | map: 'event' | join: ' → ' }}", "It broke → It works"},
		{"{% assign what = incident.title | downcase %}{{ what }}", "payments are slow"},
		{"{% capture x %}<{{ incident.status }}>{% endcapture %}{{ x }}", "<resolved>"},
		{"{% comment %}{{ nobody.knows }} {% if %}{% endcomment %}ok", "ok"},
		{"a\n{%- if true -%}\n b \n{%- endif -%}\nc", "abc"},
		{"{{ incident.summary | default: 'No summary' }}", "No summary"},
		{"{{ incident.started_at | date: '%H:%M' }}", "09:26"},
		{"{{ incident.started_at | in_time_zone: 'Europe/Berlin' | date: '%H:%M %Z' }}", "10:26 CET"},
		{"{{ incident.started_at | in_time_zone: 'Asia/Tokyo' | to_iso8601 }}", "2026-03-14T18:26:53+09:00"},
		{"{{ incident.status | titleize }} {{ 'in_triage' | humanize }}", "Resolved In triage"},
		{"{% for i in (1..3) %}{{ i }}{% endfor %}", "123"},
		{"{% case incident.status %}{% when 'resolved' %}done{% else %}not yet{% endcase %}", "done"},
	} {
		got, err := engine().Render(t.Context(), c.src, vars())
		if err != nil || got != c.want {
			t.Errorf("Render(%q) = %q, %v, want %q", c.src, got, err, c.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{"Hello {{ incident.title", `line 1, column 7: "{{" is never closed: add "}}"`},
		{"Hello\n  {% if incident.title", `line 2, column 3: "{%" is never closed: add "%}"`},
		{"é {{ incident.title and {{ incident.status }}", `line 1, column 3: "{{" is not closed before the next "{{"`},
		{"{{ incident\n.title }}", `line 1, column 1: "{{" must be closed on the same line`},
		{"{{ incident.title }} }}", `line 1, column 22: "}}" closes nothing`},
		{"{{ }}", "line 1, column 1: {{ }} is empty"},
		{"{{ incident.titel }}", `line 1, column 13: incident has no "titel": did you mean title?`},
		{"{{ incidnet.title }}", `line 1, column 4: there is no variable "incidnet": did you mean incident?`},
		{"{{ xyzzy_plugh }}", `there is no variable "xyzzy_plugh"`},
		{"{% if incident.severity == 'sev1' %}{{ incident.titel }}{% endif %}", `incident has no "titel"`},
		{"{{ incident.title | upcasee }}", `line 1, column 21: there is no filter "upcasee": did you mean upcase?`},
		{"{% captre x %}", `there is no tag "captre": did you mean capture?`},
		{"{% if true %}x", "line 1, column 1: {% if %} is never closed: add {% endif %}"},
		{"x{% endif %}", "line 1, column 2: {% endif %} closes nothing"},
		{"{% if true %}{% for x in incident.events %}{% endif %}{% endfor %}", "{% endif %} comes before {% endfor %}"},
		{"{% for e in incident.events %}{{ e.evnt }}{% endfor %}", `e has no "evnt": did you mean event?`},
		{"{% for e in incident.events %}{% endfor %}{{ e.event }}", `there is no variable "e"`},
		{"{{ incident.title.nope }}", `incident.title has no "nope"`},
		{"{{ incident.events[0].evnt }}", "undefined variable"},
		{"{{ 'abc }}", "the quotation mark is never closed"},
		{"{% raw %}{{ x }}{% endraw %}", "raw isn't possible"},
		{"{% render 'x' %}", "render isn't possible"},
		{"{% include 'x' %}", "include isn't possible"},
		{"{{ '{' | append: '{ oops' }}", `with "{{" left in it`},
		{"{{ incident.started_at | in_time_zone: 'Mars/Olympus' }}", "there is no time zone"},
		{strings.Repeat("{% if true %}", 11) + strings.Repeat("{% endif %}", 11), "nested more than 10 deep"},
		{strings.Repeat("x", template.MaxSource+1), "longer than 16384 bytes"},
		{"bad \xff utf8", "not valid UTF-8"},
		{"{% for i in (1..9000) %}{{ i }}{% endfor %}", "longer than 8192 bytes"},
		{strings.Repeat("x", template.MaxOutput+1), "longer than 8192 bytes"},
		{"{{ incident.title | divided_by: 0 }}", "divi"},
	} {
		got, err := engine().Check(t.Context(), c.src, vars())
		var e *template.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Check(%.60q) = %q, %v, want an error with %q", c.src, got, err, c.want)
		}
	}
}

// TestHostile feeds the engine what is known to kill it, to hang it or to eat
// the machine. All of it must come back as an error, and soon.
func TestHostile(t *testing.T) {
	t.Parallel()
	// One engine, so that its children take turns: the machine's business is not what is tested.
	engine := template.New(template.Options{Timeout: 3 * time.Second, Children: 2})
	double := "{% assign s = 'xxxxxxxxxxxxxxxx' %}" + strings.Repeat("{% assign s = s | append: s %}", 40)
	for _, c := range []struct{ name, src, want string }{
		{"empty loop of 30 million", "{% for i in (1..30000000) %}{% endfor %}", "range is longer"},
		{"the same, hidden", "{% assign n = 30000000 %}{% for i in (1..n) %}{% for j in (1..n) %}{% endfor %}{% endfor %}", "too"},
		{"nested loops", strings.Repeat("{% for i in (1..9999) %}", 8) + strings.Repeat("{% endfor %}", 8), "too"},
		{"range over all numbers", "{% assign n = 9223372036854775807 %}{% for i in (1..n) %}{% endfor %}", ""},
		{"doubling append", double + "{{ s | size }}", "too"},
		{"split of a huge string", strings.Repeat("{% assign s = 'xxxxxxxxxxxxxxxx' %}", 1) + strings.Repeat("{% assign s = s | append: s %}", 24) + "{% assign a = s | split: '' %}{{ a | size }}", ""},
		{"recursive render", "{% render 'self' %}", "render isn't possible"},
		{"recursive include", "{% include 'self' %}", "include isn't possible"},
		{"slice of negative length", "{{ 'abc' | slice: 1, -5 }}", ""},
		{"sort_natural of what isn't there", "{{ incident.events | sort_natural: 'nope' | size }}", ""},
		{"deep brackets", "{{ " + strings.Repeat("(", 7000) + "1" + strings.Repeat(")", 7000) + " }}", ""},
		{"deep indexes", "{{ incident" + strings.Repeat("['a']", 3000) + " }}", ""},
		{"many filters", "{{ 'x'" + strings.Repeat(" | append: 'x'", 1100) + " }}", ""},
		{"infinite cycle names", "{% cycle %}", ""},
		{"huge number", "{{ 99999999999999999999999999 }}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // all of them, one after the other
			defer cancel()
			got, err := engine.Render(ctx, c.src, vars())
			if errors.Is(err, template.ErrBusy) {
				t.Skip("the machine is too busy to tell")
			}
			var e *template.Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("Render = %v, want an *Error", err)
			}
			if err != nil && strings.Contains(err.Error(), "goroutine") {
				t.Errorf("the error shows the program's insides: %v", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Render = %.80q, %v, want an error with %q", got, err, c.want)
			}
			if err != nil {
				t.Logf("%v", err)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine().Render(ctx, "{{ incident.title }}", vars()); !errors.Is(err, context.Canceled) {
		t.Errorf("Render with a cancelled context: %v, want context.Canceled", err)
	}
}

func TestWithoutChildMain(t *testing.T) {
	t.Setenv("PERCH_TEMPLATE_CHILD", "1")
	if _, err := engine().Render(t.Context(), "{{ incident.title }}", vars()); err == nil || !strings.Contains(err.Error(), "ChildMain") {
		t.Errorf("Render inside a child: %v, want a refusal", err)
	}
}
