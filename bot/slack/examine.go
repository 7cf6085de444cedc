package slack

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// skewed is from when on the clock is said to be wrong. From five minutes on,
// requests that Slack signed are refused.
const skewed = 30 * time.Second

// Examine looks at the tokens, the scopes, the clock and the connection. See
// [bot.Examiner].
func (a *Adapter) Examine(ctx context.Context) []bot.Finding {
	return append(a.examine(ctx), a.examineConnection(ctx))
}

// examine looks at all but the connection.
func (a *Adapter) examine(ctx context.Context) []bot.Finding {
	var id identity
	ans, err := a.web.call(ctx, a.o.BotToken, "auth.test", nil, &id)
	if err != nil {
		return []bot.Finding{{About: "token", Text: "Slack does not say who the bot is (" + why(err) + ").", Do: connecting(err), Serious: true}}
	}
	return []bot.Finding{
		{About: "token", Text: fmt.Sprintf("Slack knows the bot as @%s (%s) in the workspace %s.", orWord(id.Name, id.User), id.User, id.Team)},
		scopes(ans.header), clock(ans.header, time.Now()),
	}
}

// why is Slack's word for a refusal, or that there was none.
func why(err error) string {
	if c := code(err); c != "" {
		return c
	}
	return "no answer"
}

// scopes compares what the bot may do with what Perch needs.
func scopes(h http.Header) bot.Finding {
	var has []string
	for s := range strings.SplitSeq(h.Get("X-OAuth-Scopes"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			has = append(has, s)
		}
	}
	if len(has) == 0 {
		return bot.Finding{About: "scopes", Text: "Slack does not say what the bot may do."}
	}
	var lacks []string
	for _, s := range Scopes() {
		if !slices.Contains(has, s.Name) {
			lacks = append(lacks, s.Name+" (to "+s.Why+")")
		}
	}
	if len(lacks) > 0 {
		return bot.Finding{
			About: "scopes", Text: "The app lacks " + strings.Join(lacks, ", ") + ".", Serious: true,
			Do: "Paste what perch slack manifest prints into the app's settings (App Manifest), then install the app again (Install App).",
		}
	}
	return bot.Finding{About: "scopes", Text: fmt.Sprintf("The app has all %d scopes that Perch needs.", len(Scopes()))}
}

// clock compares this machine's clock with Slack's.
func clock(h http.Header, now time.Time) bot.Finding {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return bot.Finding{About: "clock", Text: "Slack does not say what time it is."}
	}
	off := now.Sub(at).Round(time.Second)
	if off.Abs() < skewed {
		return bot.Finding{About: "clock", Text: "This machine's clock agrees with Slack's."}
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return bot.Finding{
		About: "clock", Text: fmt.Sprintf("This machine's clock is %s %s Slack's.", off.Abs(), way), Serious: off.Abs() >= signedWithin,
		Do: "Set it by a time server (systemd-timesyncd, chrony). From five minutes on Perch refuses what Slack signs.",
	}
}

// examineConnection looks at the connection if there is one, else whether one
// could be made.
func (a *Adapter) examineConnection(ctx context.Context) bot.Finding {
	const about = "connection"
	h := a.Health()
	running := a.sink.Load() != nil || a.health.trouble.Load() != nil
	switch {
	case running && h.Problem != "":
		return bot.Finding{About: about, Text: "What people do in Slack does not reach Perch.", Do: h.Problem, Serious: true}
	case a.o.HTTPMode:
		return bot.Finding{About: about, Text: "Slack calls Perch (HTTP mode): see in the app's settings that its Request URLs end in /slack/events and are verified."}
	case running && h.Sockets < h.Wanted:
		return bot.Finding{About: about, Text: fmt.Sprintf("%d of %d sockets are open.", h.Sockets, h.Wanted), Do: "Perch opens the other one by itself. If it stays so, another program uses the app token."}
	case running:
		return bot.Finding{About: about, Text: fmt.Sprintf("%d sockets are open. Slack was heard %s ago.", h.Sockets, time.Since(h.Heard).Round(time.Second))}
	}
	// The address that comes back is used by nobody and ends by itself.
	if _, err := a.web.call(ctx, a.o.AppToken, "apps.connections.open", nil, nil); err != nil {
		return bot.Finding{About: about, Text: "Slack opens no socket for the app token (" + why(err) + ").", Do: connecting(forApp(err)), Serious: true}
	}
	return bot.Finding{About: about, Text: "Slack takes the app token: a socket could be opened."}
}

// Examine looks at the connection, which all workspaces share, and at each of
// them.
func (w *Workspaces) Examine(ctx context.Context) []bot.Finding {
	out := []bot.Finding{w.hub.examineConnection(ctx)}
	teams, err := w.o.Installations.Teams(ctx)
	switch {
	case err != nil:
		return append(out, bot.Finding{About: "workspaces", Text: "They can't be listed: " + err.Error() + ".", Do: "See what the check of the store says."})
	case len(teams) == 0:
		return append(out, bot.Finding{About: "workspaces", Text: "Perch is installed in none.", Do: "Make a link with perch slack install-link, open it and add Perch to a workspace."})
	}
	for _, team := range teams {
		ws, err := w.find(ctx, team)
		if err != nil {
			out = append(out, bot.Finding{About: team, Text: "Its token can't be read: " + err.Error() + ".", Do: "Install Perch there again, with a link from perch slack install-link.", Serious: true})
			continue
		}
		for _, f := range ws.examine(ctx) {
			f.About = orWord(ws.inst.Name, team) + ": " + f.About
			out = append(out, f)
		}
	}
	return out
}

var (
	_ bot.Examiner = (*Adapter)(nil)
	_ bot.Examiner = (*Workspaces)(nil)
)
