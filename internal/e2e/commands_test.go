package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

type playKey struct{}

// commands are the words of the scripts in testdata. A place is a channel, or
// "home", the person's page of the bot, or "bot", what they and the bot say to
// each other.
//
//	chats NAME...                 the chats that the script runs on; its first line
//	start, quit, crash            run Perch; end it gently, or as a power failure does
//	config KEY VALUE              before start: a key of the configuration, with dots; not in the sandbox
//	as USER, in PLACE [TEXT]      who acts, and where; with TEXT in the thread of the message that reads so
//	say [-file=F] TEXT            write a message or a command; {F} is a file as it reads in the chat, {image} on X
//	edit TEXT NEW, delete TEXT    change or take back one's own message
//	react, unreact EMOJI TEXT     set a reaction on the newest message that reads TEXT, or take it back
//	click LABEL [TEXT]            press a button, of the newest message that has it (and reads TEXT)
//	shortcut NAME [TEXT]          pick an entry of the menu of the message that reads TEXT, or of the menu for all
//	fill [NAME=VALUE...]          send the form that is open
//	[!] form [TEXT]               a form is open that reads TEXT
//	[!] see TEXT, see -count=N T  what the person reads in the place, now or soon
//	ask TEXT ANSWER               write it again and again until the answer is seen
//	gone TEXT                     nothing there reads so, now or soon
//	preview ACCOUNT COUNT TEXT    the person sees a post as it will be, with its weighted length
//	pinned TEXT                   the message that reads TEXT is pinned
//	calm TEXT [USER...]           it notifies nobody but them, and leads nowhere
//	authorize USER                follow the newest link to X and press Authorize app there; page is stdout
//	deny USER                     the same, but press Cancel
//	customer [-file=F] HANDLE T   a customer writes a direct message
//	mentions HANDLE TEXT          a customer mentions the account in public
//	[!] dm HANDLE TEXT            what the customer reads
//	dms HANDLE N TEXT             the customer reads it exactly N times
//	posts N [TEXT]                the account has N public posts (that read TEXT)
//	thread                        all posts but the first reply to the first
//	replies TEXT PARENT           the post that reads TEXT replies to the one that reads PARENT, or to none if that is empty
//	fault NAME on|off             make X fail
//	api [-token=T] METHOD PATH STATUS [FILE]  call the API, with a token that may do all or T; the body is stdout
//	tour STEP                     the sandbox's tour has ticked the step off
//
// @USER(ada), @CHANNEL(support) and @GROUP(agents) in the arguments of fill and config are the
// chat's refs. [webchat], [slack] and [rocketchat] before a line keep it to one chat.
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"chats":     simple(-1, func(*play, []string) error { return nil }),
		"start":     simple(0, func(p *play, _ []string) error { return p.start() }),
		"quit":      simple(0, func(p *play, _ []string) error { return p.stop() }),
		"crash":     simple(0, func(p *play, _ []string) error { p.kill(); return nil }),
		"config":    simple(2, func(p *play, a []string) error { return p.configure(a[0], a[1]) }),
		"as":        simple(1, func(p *play, a []string) error { p.user = a[0]; return nil }),
		"in":        simple(-1, enter),
		"say":       simple(-1, say),
		"edit":      simple(2, edit),
		"delete":    simple(1, remove),
		"react":     simple(2, func(p *play, a []string) error { return react(p, a, true) }),
		"unreact":   simple(2, func(p *play, a []string) error { return react(p, a, false) }),
		"click":     simple(-1, click),
		"shortcut":  simple(-1, shortcut),
		"fill":      simple(-1, fill),
		"form":      formReads,
		"see":       see,
		"ask":       simple(2, ask),
		"gone":      simple(1, gone),
		"preview":   simple(3, preview),
		"pinned":    simple(1, pinned),
		"calm":      simple(-1, calm),
		"authorize": authorize(true),
		"deny":      authorize(false),
		"customer":  simple(-1, customer),
		"mentions":  simple(2, func(p *play, a []string) error { return p.world.mention(a[0], unescape(a[1])) }),
		"dm":        dm,
		"dms":       simple(3, dms),
		"posts":     simple(-1, posts),
		"thread":    simple(0, thread),
		"replies":   simple(2, replies),
		"fault":     simple(2, func(p *play, a []string) error { return p.world.fault(a[0], a[1] == "on") }),
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

func unescape(s string) string { return strings.ReplaceAll(s, `\n`, "\n") }

var refRE = regexp.MustCompile(`@(USER|CHANNEL|GROUP)\(([^)]+)\)`)

// refs writes the chat's refs for names.
func (p *play) refs(s string) string {
	return refRE.ReplaceAllStringFunc(s, func(m string) string {
		part := refRE.FindStringSubmatch(m)
		switch part[1] {
		case "USER":
			return p.stage.user(part[2])
		case "GROUP":
			return p.stage.group(part[2])
		}
		return p.stage.channel(part[2])
	})
}

// file is one that the script brings, or a small one of the kind that its name says.
func (p *play) file(name string) (attached, error) {
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if begin, ok := map[string]string{
		".png": "\x89PNG\r\n\x1a\n", ".gif": "GIF89a", ".mp4": "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41", ".pdf": "%PDF-1.4",
	}[filepath.Ext(name)]; ok && errors.Is(err, fs.ErrNotExist) {
		b, err = []byte(begin+name), nil
	}
	kinds := map[string]string{".png": "image/png", ".mp4": "video/mp4", ".gif": "image/gif", ".txt": "text/plain", ".pdf": "application/pdf"}
	return attached{name, kinds[filepath.Ext(name)], b}, err
}

// sees is what the person sees where they look.
func (p *play) sees() ([]seen, error) {
	all, err := p.stage.sees(p.user, p.channel)
	if p.thread == "" {
		return all, err
	}
	return slices.DeleteFunc(all, func(m seen) bool { return !m.beside && m.thread != p.thread && m.ref != p.thread }), err
}

// newest is the newest message there that is good.
func (p *play) newest(what string, good func(seen) bool) (seen, error) {
	var found seen
	err := eventually(func() error {
		list, err := p.sees()
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(list) {
			if good(m) {
				found = m
				return nil
			}
		}
		return fmt.Errorf("%s sees no %s in #%s", p.user, what, p.channel)
	})
	return found, err
}

func (p *play) message(text string) (seen, error) {
	return p.newest("message that reads "+strconv.Quote(text), func(m seen) bool { return strings.Contains(m.reads, text) })
}

func enter(p *play, a []string) error {
	p.channel, p.thread = a[0], ""
	if len(a) == 1 {
		return p.stage.opens(p.user, a[0])
	}
	m, err := p.newest("message that reads "+strconv.Quote(a[1]), func(m seen) bool {
		return m.thread == "" && !m.alone && strings.Contains(m.reads, a[1])
	})
	p.thread = m.ref
	return err
}

func say(p *play, a []string) error {
	var files []attached
	for len(a) > 1 && strings.HasPrefix(a[0], "-file=") {
		f, err := p.file(strings.TrimPrefix(a[0], "-file="))
		if err != nil {
			return err
		}
		files, a = append(files, f), a[1:]
	}
	return p.stage.says(p.user, p.channel, p.thread, unescape(strings.Join(a, " ")), files...)
}

func (p *play) own(text string) (seen, error) {
	return p.newest("message of theirs that reads "+strconv.Quote(text), func(m seen) bool { return m.mine && strings.Contains(m.reads, text) })
}

func edit(p *play, a []string) error {
	m, err := p.own(a[0])
	if err != nil {
		return err
	}
	return p.stage.edits(p.user, m, a[1])
}

func remove(p *play, a []string) error {
	m, err := p.own(a[0])
	if err != nil {
		return err
	}
	return p.stage.deletes(p.user, m)
}

func react(p *play, a []string, on bool) error {
	m, err := p.message(a[1])
	if err != nil {
		return err
	}
	return p.stage.reacts(p.user, m, a[0], on)
}

func shortcut(p *play, a []string) error {
	if len(a) == 1 {
		return p.stage.shortcut(p.user, a[0], nil)
	}
	m, err := p.message(a[1])
	if err != nil {
		return err
	}
	return p.stage.shortcut(p.user, a[0], &m)
}

func click(p *play, a []string) error {
	with := ""
	if len(a) > 1 {
		with = a[1]
	}
	m, err := p.newest("button "+strconv.Quote(a[0]), func(m seen) bool {
		return strings.Contains(m.reads, with) && slices.ContainsFunc(m.buttons, func(b knob) bool { return b.label == a[0] })
	})
	if err != nil {
		return err
	}
	return m.buttons[slices.IndexFunc(m.buttons, func(b knob) bool { return b.label == a[0] })].press()
}

func fill(p *play, a []string) error {
	fields := map[string]string{}
	for _, f := range a {
		k, v, _ := strings.Cut(f, "=")
		fields[k] = p.refs(unescape(v))
	}
	return eventually(func() error {
		list, err := p.stage.forms(p.user)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("%s has no form open", p.user)
		}
		f := list[len(list)-1]
		for k := range fields {
			if !slices.Contains(f.inputs, k) {
				return fmt.Errorf("the form %q asks for %q, not for %s", f.title, f.inputs, k)
			}
		}
		if len(f.inputs) == 0 {
			return fmt.Errorf("the form %q asks for nothing", f.title)
		}
		return f.send(fields)
	})
}

func formReads(ts *testscript.TestScript, neg bool, args []string) {
	p, text := ts.Value(playKey{}).(*play), strings.Join(args, " ")
	check := func() error {
		list, err := p.stage.forms(p.user)
		if err != nil {
			return err
		}
		for _, f := range list {
			if strings.Contains(f.reads, text) {
				return nil
			}
		}
		return fmt.Errorf("%s has no form open that reads %q but %+v", p.user, text, list)
	}
	if neg {
		ts.Check(eventually(func() error {
			if check() == nil {
				return fmt.Errorf("%s has a form open that reads %q", p.user, text)
			}
			return nil
		}))
		return
	}
	ts.Check(eventually(check))
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
	text := unescape(args[0])
	check := func() error {
		list, err := p.sees()
		if err != nil {
			return err
		}
		var all strings.Builder
		n := 0
		for _, m := range list {
			if strings.Contains(m.reads, text) {
				n++
			}
			all.WriteString(m.reads + "\n")
		}
		switch {
		case want >= 0 && n != want, want < 0 && n == 0:
			return fmt.Errorf("%s sees %q %d times in #%s:\n%s", p.user, text, n, p.channel, all.String())
		}
		return nil
	}
	if !neg {
		ts.Check(eventually(check))
		return
	}
	if check() == nil {
		ts.Fatalf("%s sees %q in #%s", p.user, text, p.channel)
	}
}

func ask(p *play, a []string) error {
	return eventually(func() error {
		if err := say(p, a[:1]); err != nil {
			return err
		}
		list, err := p.sees()
		if err == nil && !slices.ContainsFunc(list, func(m seen) bool { return strings.Contains(m.reads, a[1]) }) {
			err = fmt.Errorf("%s is not answered %q", p.user, a[1])
		}
		return err
	})
}

func gone(p *play, a []string) error {
	return eventually(func() error {
		list, err := p.sees()
		if err != nil {
			return err
		}
		for _, m := range list {
			if strings.Contains(m.reads, a[0]) {
				return fmt.Errorf("%s still sees %q in #%s", p.user, m.reads, p.channel)
			}
		}
		return nil
	})
}

// preview looks for a post as people on X will see it. Each chat draws it in
// its own way.
func preview(p *play, a []string) error {
	_, err := p.newest(fmt.Sprintf("preview of %q", a), func(m seen) bool {
		return strings.Contains(m.reads, "@"+a[0]) && strings.Contains(m.reads, a[2]) &&
			(strings.Contains(m.reads, "("+a[1]+"/") || strings.Contains(m.reads, a[1]+" of "))
	})
	return err
}

func pinned(p *play, a []string) error {
	_, err := p.newest("pinned message that reads "+strconv.Quote(a[0]), func(m seen) bool { return m.pinned && strings.Contains(m.reads, a[0]) })
	return err
}

func calm(p *play, a []string) error {
	m, err := p.message(a[0])
	if err != nil {
		return err
	}
	told := slices.DeleteFunc(m.told, func(ref string) bool {
		return slices.ContainsFunc(a[1:], func(name string) bool { return strings.HasSuffix(p.stage.user(name), ref) })
	})
	if len(told) > 0 || len(m.links) > 0 {
		return fmt.Errorf("%q notifies %q and leads to %q", m.reads, told, m.links)
	}
	return nil
}

func tour(p *play, a []string) error {
	x, ok := p.world.(sandboxX)
	if !ok {
		return errNone
	}
	return eventually(func() error {
		s, err := x.state()
		if err == nil && !s.Tour[a[0]] {
			err = fmt.Errorf("the tour has not ticked %q off: %v", a[0], s.Tour)
		}
		return err
	})
}
