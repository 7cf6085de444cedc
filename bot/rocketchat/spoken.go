package rocketchat

import (
	"context"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Perch's texts name its commands as /twitter and itself as @perch. Where a
// workspace keeps slash commands that it does not know to itself, what people
// read there has to be what works there: !twitter, and the bot's own name.

// spokenEvery is how often the workspace is asked whether it passes them on.
const spokenEvery = time.Minute

// speech is how the workspace reads what is said in it, as far as it is known.
type speech struct {
	mu   sync.Mutex
	next time.Time // to ask again
	read
}

// read is what the workspace's settings say of that.
type read struct {
	known    bool
	slashes  bool // unknown slash commands are passed on
	formulas bool // what stands between two dollar signs is a formula
	most     int  // characters of a message, 0 if that is not known
}

// slashes reports whether /twitter works in the workspace.
func (a *Adapter) slashes(ctx context.Context) bool {
	return a.AppAnswers() || a.reads(ctx).slashes // the companion app brings them
}

// reads is how the workspace reads what is said in it.
func (a *Adapter) reads(ctx context.Context) read {
	s := &a.speech
	s.mu.Lock()
	if !time.Now().After(s.next) {
		defer s.mu.Unlock()
		return s.read
	}
	s.next = time.Now().Add(spokenEvery)
	if s.known { // others need not wait for what will hardly have changed
		s.mu.Unlock()
		set, err := a.settings(ctx)
		s.mu.Lock()
		s.note(set, err)
	} else {
		s.note(a.settings(ctx))
	}
	defer s.mu.Unlock()
	return s.read
}

// note takes in what the workspace said. The lock is held.
func (s *speech) note(set map[string]string, err error) {
	if err == nil {
		most, _ := strconv.Atoi(set["Message_MaxAllowedSize"]) // of a server that does not say it there is none
		s.read = read{
			most:  most,
			known: true, slashes: set["Message_AllowUnrecognizedSlashCommand"] == "true",
			formulas: set["Katex_Enabled"] == "true" && set["Katex_Dollar_Syntax"] == "true",
		}
	}
}

var (
	orderRE = regexp.MustCompile(`(^|[\s("“'‘–])/(twitter|incident|timeline|duty)($|[^\w/-])`)
	selfRE  = regexp.MustCompile(`(^|[\s("“'‘–])@perch($|[^\w.-]|[.-]$|[.-]\s)`)
)

// spoken writes Perch's own words as people of this workspace have to.
func spoken(s string, slashes bool, self string) string {
	if !slashes {
		for range 2 { // neighbours share what is between them
			s = orderRE.ReplaceAllString(s, "${1}!${2}${3}")
		}
	}
	if self != "" {
		s = selfRE.ReplaceAllString(s, "${1}@"+self+"${2}")
	}
	return s
}

// own are Perch's own words, as they have to be said in this workspace.
func (d *drawing) own(list []bot.Span) []bot.Span {
	if d.speak == nil {
		return list
	}
	out := make([]bot.Span, len(list))
	for i, s := range list {
		s.Text = d.speak(s.Text)
		out[i] = s
	}
	return out
}
