package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// customer has a customer write a direct message.
func customer(p *play, a []string) error {
	var files []attached
	for len(a) > 0 && strings.HasPrefix(a[0], "-file=") {
		f, err := p.file(strings.TrimPrefix(a[0], "-file="))
		if err != nil {
			return err
		}
		files, a = append(files, f), a[1:]
	}
	if len(a) != 2 {
		return fmt.Errorf("usage: customer [-file=NAME] HANDLE TEXT")
	}
	return p.world.dm(a[0], unescape(a[1]), files...)
}

func (p *play) received(handle, text string) (int, []string, error) {
	all, err := p.world.received(handle)
	n := 0
	for _, m := range all {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n, all, err
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

func posts(p *play, a []string) error {
	want, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	return eventually(func() error {
		list, err := ours(p.world)
		if err != nil {
			return err
		}
		n := 0
		for _, t := range list {
			if len(a) < 2 || strings.Contains(t.text, a[1]) {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("the account has %d such posts, want %d: %+v", n, want, list)
		}
		return nil
	})
}

func thread(p *play, _ []string) error {
	list, err := ours(p.world)
	if err != nil {
		return err
	}
	if len(list) < 2 || list[0].reply != "" {
		return fmt.Errorf("no thread: %+v", list)
	}
	for _, t := range list[1:] {
		if t.reply != list[0].id {
			return fmt.Errorf("a post replies to %q, not to the first, %q", t.reply, list[0].id)
		}
	}
	return nil
}

func replies(p *play, a []string) error {
	list, err := p.world.posts()
	if err != nil {
		return err
	}
	text, id := map[string]string{}, ""
	for _, t := range list {
		text[t.id] = t.text
	}
	for _, t := range list {
		if !strings.Contains(t.text, a[0]) {
			continue
		}
		id = t.id
		if parent := text[t.reply]; a[1] == "" && t.reply != "" || !strings.Contains(parent, a[1]) {
			return fmt.Errorf("%q replies to %q", t.text, parent)
		}
	}
	if id == "" {
		return fmt.Errorf("no post reads %q", a[0])
	}
	return nil
}

// markup is what people don't read of a page.
var markup = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)

func authorize(allow bool) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		p := ts.Value(playKey{}).(*play)
		if len(args) < 1 {
			ts.Fatalf("usage: authorize USER [again]")
		}
		link, err := p.link(len(args) > 1) // again: the link that was used before
		ts.Check(err)
		page, err := p.authorize(link, account(args[0]), allow)
		ts.Check(err)
		_, err = ts.Stdout().Write([]byte(markup.ReplaceAllString(page, "")))
		ts.Check(err)
	}
}

// link is the newest address for connecting an account that the person sees.
func (p *play) link(again bool) (string, error) {
	link := ""
	err := eventually(func() error {
		list, err := p.sees()
		if err != nil {
			return err
		}
		for _, m := range list {
			for _, b := range m.buttons {
				if strings.Contains(b.url, "/x/start/") && (!p.used[b.url] || again) {
					link = b.url
				}
			}
		}
		if link == "" {
			return fmt.Errorf("%s sees no link to X in #%s", p.user, p.channel)
		}
		return nil
	})
	p.used[link] = true
	return link, err
}
