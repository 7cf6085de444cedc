package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

type playKey struct{}

// commands are the words of the scripts in testdata.
//
//	start, stop, crash            run the sandbox; end it gently, or as a power failure does
//	as USER, in CHANNEL [TEXT]    who acts, and where; with TEXT in the thread of the message that reads so
//	say TEXT                      write a message or a command
//	edit TEXT NEW, delete TEXT    change or take back one's own message
//	click LABEL [TEXT]            press a button, of the newest message that has it (and reads TEXT)
//	fill NAME=VALUE...            send the form that is open
//	[!] see TEXT, see -count=N T  what the person reads in the channel or thread, now or soon
//	authorize USER                follow the newest link to X and press Authorize app there; page is stdout
//	deny USER                     the same, but press Cancel
//	customer HANDLE TEXT          a customer writes a direct message
//	mentions HANDLE TEXT          a customer mentions the account in public
//	[!] dm HANDLE TEXT            what the customer reads
//	dms HANDLE N TEXT             the customer reads it exactly N times
//	posts N [TEXT]                the account has N public posts (that read TEXT)
//	thread                        all posts but the first reply to the first
//	replies TEXT PARENT           the post that reads TEXT replies to the one that reads PARENT, or to none if that is empty
//	fault NAME on|off             make X fail
//	api [-token=T] METHOD PATH STATUS [FILE]  call the API, with the sandbox's token or T; the body is stdout
//	tour STEP                     the tour has ticked the step off
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"start":     simple(0, func(p *play, _ []string) error { return p.start() }),
		"stop":      simple(0, func(p *play, _ []string) error { return p.stop() }),
		"crash":     simple(0, func(p *play, _ []string) error { p.kill(); return nil }),
		"as":        simple(1, func(p *play, a []string) error { p.user = a[0]; return nil }),
		"in":        simple(-1, enter),
		"say":       simple(1, say),
		"edit":      simple(2, func(p *play, a []string) error { return p.own("edit", a[0], a[1]) }),
		"delete":    simple(1, func(p *play, a []string) error { return p.own("delete", a[0], "") }),
		"click":     simple(-1, click),
		"fill":      simple(-1, fill),
		"see":       see,
		"authorize": authorize(true),
		"deny":      authorize(false),
		"customer":  simple(2, func(p *play, a []string) error { return p.outside("dm", a[0], a[1]) }),
		"mentions":  simple(2, func(p *play, a []string) error { return p.outside("mention", a[0], a[1]) }),
		"dm":        dm,
		"dms":       simple(3, dms),
		"posts":     simple(-1, posts),
		"thread":    simple(0, thread),
		"replies":   simple(2, replies),
		"fault":     simple(2, fault),
		"api":       api,
		"tour":      simple(1, tour),
	}
}

func simple(n int, fn func(*play, []string) error) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if n >= 0 && len(args) != n {
			ts.Fatalf("want %d arguments, got %q", n, args)
		}
		err := fn(ts.Value(playKey{}).(*play), args)
		if neg && err == nil {
			ts.Fatalf("unexpected success")
		}
		if !neg {
			ts.Check(err)
		}
	}
}

func enter(p *play, a []string) error {
	p.channel, p.thread = a[0], ""
	if len(a) == 1 {
		return nil
	}
	return eventually(func() error {
		s, err := p.chat()
		if err != nil {
			return err
		}
		for _, m := range p.here(s) {
			if m.Thread == "" && strings.Contains(m.reads(), a[1]) {
				p.thread = m.Ref // the newest wins
			}
		}
		if p.thread == "" {
			return fmt.Errorf("no message in #%s reads %q", p.channel, a[1])
		}
		return nil
	})
}

func say(p *play, a []string) error {
	return p.ask("message", map[string]any{"channel": "webchat:" + p.channel, "thread": p.thread, "text": unescape(a[0])})
}

func unescape(s string) string { return strings.ReplaceAll(s, `\n`, "\n") }

// own changes or deletes the person's own newest message that reads text.
func (p *play) own(what, text, with string) error {
	s, err := p.chat()
	if err != nil {
		return err
	}
	ref := ""
	for _, m := range p.here(s) {
		if m.User == "webchat:U_"+p.user && strings.Contains(m.reads(), text) {
			ref = m.Ref
		}
	}
	if ref == "" {
		return fmt.Errorf("%s has no message that reads %q", p.user, text)
	}
	f := map[string]any{"ref": ref}
	if what == "edit" {
		f["text"] = with
	}
	return p.ask(what, f)
}

func click(p *play, a []string) error {
	with := ""
	if len(a) > 1 {
		with = a[1]
	}
	return eventually(func() error {
		s, err := p.chat()
		if err != nil {
			return err
		}
		msgs := p.here(s)
		for _, msg := range slices.Backward(msgs) {
			if !strings.Contains(msg.reads(), with) {
				continue
			}
			for _, bl := range msg.Blocks {
				for _, b := range bl.Buttons {
					if b.Label == a[0] {
						return p.ask("action", map[string]any{"ref": msg.Ref, "action": b.ID, "value": b.Value})
					}
				}
			}
		}
		return fmt.Errorf("%s sees no button %q in #%s", p.user, a[0], p.channel)
	})
}

func fill(p *play, a []string) error {
	fields := map[string]string{}
	for _, f := range a {
		k, v, _ := strings.Cut(f, "=")
		fields[k] = unescape(v)
	}
	return eventually(func() error {
		s, err := p.chat()
		if err != nil {
			return err
		}
		if len(s.Forms) == 0 {
			return fmt.Errorf("%s has no form open", p.user)
		}
		f := s.Forms[len(s.Forms)-1]
		for _, in := range f.Form.Inputs {
			if _, ok := fields[in.Name]; !ok {
				fields[in.Name] = in.Initial
			}
		}
		return p.ask("submit", map[string]any{"form": f.ID, "fields": fields})
	})
}

func see(ts *testscript.TestScript, neg bool, args []string) {
	p, want := ts.Value(playKey{}).(*play), -1
	if len(args) == 2 && strings.HasPrefix(args[0], "-count=") {
		n, err := strconv.Atoi(strings.TrimPrefix(args[0], "-count="))
		ts.Check(err)
		want, args = n, args[1:]
	}
	if len(args) != 1 {
		ts.Fatalf("usage: see [-count=N] TEXT")
	}
	check := func() error {
		s, err := p.chat()
		if err != nil {
			return err
		}
		var all strings.Builder
		n := 0
		for _, m := range p.here(s) {
			if strings.Contains(m.reads(), args[0]) {
				n++
			}
			all.WriteString(m.reads() + "\n")
		}
		switch {
		case want >= 0 && n != want, want < 0 && n == 0:
			return fmt.Errorf("%s sees %q %d times in #%s:\n%s", p.user, args[0], n, p.channel, all.String())
		}
		return nil
	}
	if !neg {
		ts.Check(eventually(check))
		return
	}
	if check() == nil {
		ts.Fatalf("%s sees %q in #%s", p.user, args[0], p.channel)
	}
}

func authorize(allow bool) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		p := ts.Value(playKey{}).(*play)
		if len(args) < 1 {
			ts.Fatalf("usage: authorize USER [again]")
		}
		link, again := "", len(args) > 1 // again: the link that was used before
		ts.Check(eventually(func() error {
			s, err := p.chat()
			if err != nil {
				return err
			}
			for _, m := range p.here(s) {
				for _, bl := range m.Blocks {
					for _, b := range bl.Buttons {
						if b.URL != "" && (!p.used[b.URL] || again) {
							link = b.URL
						}
					}
				}
			}
			if link == "" {
				return errors.New("no link to X is to be seen")
			}
			return nil
		}))
		users := map[string]string{"larkspur_hq": "1000000000000000001", "casey_r": "1000000000000000002", "noor_writes": "1000000000000000003"}
		p.used[link] = true
		page, err := p.authorize(link, users[args[0]], allow)
		ts.Check(err)
		_, err = ts.Stdout().Write([]byte(page))
		ts.Check(err)
	}
}

func (p *play) outside(what, handle, text string) error {
	users := map[string]string{"casey_r": "1000000000000000002", "noor_writes": "1000000000000000003"}
	p.asks++
	status, body, err := p.do(http.MethodPost, "/sandbox/"+what, "application/json", map[string]any{
		"id": fmt.Sprintf("x-%d-%d", os.Getpid(), p.asks), "customer": users[handle], "text": unescape(text),
	}, nil)
	if err == nil && status >= 300 {
		err = fmt.Errorf("%s: %d %s", what, status, body)
	}
	return err
}

func (p *play) received(handle, text string) (int, []string, error) {
	s, err := p.x()
	if err != nil {
		return 0, nil, err
	}
	n := 0
	var all []string
	for _, c := range s.X.Customers {
		if c.Handle != handle {
			continue
		}
		for _, m := range c.Messages {
			if m.Mine {
				continue
			}
			all = append(all, m.Text)
			if strings.Contains(m.Text, text) {
				n++
			}
		}
	}
	return n, all, nil
}

func dm(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(playKey{}).(*play)
	check := func() error {
		n, all, err := p.received(args[0], args[1])
		if err == nil && n == 0 {
			err = fmt.Errorf("%s did not receive %q but %q", args[0], args[1], all)
		}
		return err
	}
	if !neg {
		ts.Check(eventually(check))
	} else if check() == nil {
		ts.Fatalf("%s received %q", args[0], args[1])
	}
}

func dms(p *play, a []string) error {
	want, err := strconv.Atoi(a[1])
	if err != nil {
		return err
	}
	return eventually(func() error {
		n, all, err := p.received(a[0], a[2])
		if err == nil && n != want {
			err = fmt.Errorf("%s received %q %d times, want %d, of %q", a[0], a[2], n, want, all)
		}
		return err
	})
}

// ours are the public posts of the company's account.
func (p *play) ours() (ids, replies, texts []string, err error) {
	s, err := p.x()
	for _, post := range s.X.Posts {
		if post.Author.Handle == "larkspur_hq" {
			ids, replies, texts = append(ids, post.ID), append(replies, post.Reply), append(texts, post.Text)
		}
	}
	return ids, replies, texts, err
}

func posts(p *play, a []string) error {
	want, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	return eventually(func() error {
		_, _, texts, err := p.ours()
		if err != nil {
			return err
		}
		n := 0
		for _, t := range texts {
			if len(a) < 2 || strings.Contains(t, a[1]) {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("the account has %d such posts, want %d: %q", n, want, texts)
		}
		return nil
	})
}

func thread(p *play, _ []string) error {
	ids, replies, texts, err := p.ours()
	if err != nil {
		return err
	}
	if len(ids) < 2 || replies[0] != "" {
		return fmt.Errorf("no thread: %q", texts)
	}
	for _, r := range replies[1:] {
		if r != ids[0] {
			return fmt.Errorf("a post replies to %q, not to the first, %q", r, ids[0])
		}
	}
	return nil
}

func replies(p *play, a []string) error {
	s, err := p.x()
	if err != nil {
		return err
	}
	text, id := map[string]string{}, ""
	for _, post := range s.X.Posts {
		text[post.ID] = post.Text
	}
	for _, post := range s.X.Posts {
		if !strings.Contains(post.Text, a[0]) {
			continue
		}
		id = post.ID
		if parent := text[post.Reply]; a[1] == "" && post.Reply != "" || !strings.Contains(parent, a[1]) {
			return fmt.Errorf("%q replies to %q", post.Text, parent)
		}
	}
	if id == "" {
		return fmt.Errorf("no post reads %q", a[0])
	}
	return nil
}

func fault(p *play, a []string) error {
	p.asks++
	status, body, err := p.do(http.MethodPost, "/sandbox/fault", "application/json", map[string]any{
		"id": fmt.Sprintf("f-%d-%d", os.Getpid(), p.asks), "fault": a[0], "on": a[1] == "on",
	}, nil)
	if err == nil && status >= 300 {
		err = fmt.Errorf("fault: %d %s", status, body)
	}
	return err
}

var (
	incidentID = regexp.MustCompile(`@INC([0-9]+)`)
	answerID   = regexp.MustCompile(`@ID\(([^)]+)\)`)
	secret     = regexp.MustCompile(`@SECRET\(([^)]+)\)`)
)

// api calls the HTTP API. @INC1 in a path or body is the ID of INC-1, @ID(f)
// that of the answer in the file f, @SECRET(f) what stands in it.
func api(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(playKey{}).(*play)
	bearer := token
	if len(args) > 0 && strings.HasPrefix(args[0], "-token=") {
		bearer, args = strings.TrimPrefix(args[0], "-token="), args[1:]
	}
	if len(args) < 3 || neg {
		ts.Fatalf("usage: api [-token=T] METHOD PATH STATUS [FILE]")
	}
	bearer = secret.ReplaceAllStringFunc(bearer, func(ref string) string {
		return strings.TrimSpace(ts.ReadFile(secret.FindStringSubmatch(ref)[1]))
	})
	expand := func(s string) string {
		s = answerID.ReplaceAllStringFunc(s, func(ref string) string {
			var one struct{ Data struct{ ID string } }
			ts.Check(json.Unmarshal([]byte(ts.ReadFile(answerID.FindStringSubmatch(ref)[1])), &one))
			return one.Data.ID
		})
		return incidentID.ReplaceAllStringFunc(s, func(ref string) string {
			var one struct{ Data struct{ ID string } }
			status, body, err := p.call(token, http.MethodGet, "/v1/incidents/INC-"+strings.TrimPrefix(ref, "@INC"), nil)
			ts.Check(err)
			if status != http.StatusOK {
				ts.Fatalf("%s: %d %s", ref, status, body)
			}
			ts.Check(json.Unmarshal(body, &one))
			return one.Data.ID
		})
	}
	var body []byte
	if len(args) > 3 {
		body = []byte(expand(ts.ReadFile(args[3])))
	}
	status, out, err := p.call(bearer, args[0], expand(args[1]), body)
	ts.Check(err)
	if strconv.Itoa(status) != args[2] {
		ts.Fatalf("%s %s: %d, want %s: %s", args[0], args[1], status, args[2], out)
	}
	_, err = ts.Stdout().Write(out)
	ts.Check(err)
}

func (p *play) call(bearer, method, path string, body []byte) (int, []byte, error) {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(string(body)))
	if err != nil {
		return 0, nil, err
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	req.Header.Set("Content-Type", "application/vnd.api+json")
	return send(p.client, req)
}

func tour(p *play, a []string) error {
	return eventually(func() error {
		s, err := p.x()
		if err == nil && !s.Tour[a[0]] {
			err = fmt.Errorf("the tour has not ticked %q off: %v", a[0], s.Tour)
		}
		return err
	})
}
