package slack

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// teamsOf returns the workspaces whose installation a delivery may be for, the
// best first. A channel that companies share has several: Slack names the one
// that it delivers for among the authorizations.
func teamsOf(d delivery) []string {
	var p struct {
		Authorizations []struct {
			Team string `json:"team_id"`
		} `json:"authorizations"`
		Context string `json:"context_team_id"`
		Team    string `json:"team_id"`
		View    struct {
			Installed string `json:"app_installed_team_id"`
			Team      string `json:"team_id"`
		} `json:"view"`
		Of struct {
			ID string `json:"id"`
		} `json:"team"`
		User struct {
			Team string `json:"team_id"`
		} `json:"user"`
	}
	if err := json.Unmarshal(d.payload, &p); err != nil {
		return nil
	}
	var out []string
	add := func(ids ...string) {
		for _, id := range ids {
			if teamRE.MatchString(id) && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	for _, a := range p.Authorizations {
		add(a.Team)
	}
	add(p.Context, p.View.Installed, p.Of.ID, p.Team, p.View.Team, p.User.Team)
	return out
}

// teamMark stands between the team and what Slack's own words are, in what
// comes back without a ref: triggers and the IDs of files.
const teamMark = "|"

// mark adds the team, if there is one, to Slack's own word.
func mark(team, word string) string {
	if word == "" || team == "" {
		return word
	}
	return team + teamMark + word
}

// unmark takes the team off again.
func unmark(word string) (team, rest string) {
	team, rest, ok := strings.Cut(word, teamMark)
	if !ok || !teamRE.MatchString(team) {
		return "", word
	}
	return team, rest
}

// label marks what an event carries without a ref.
func label(ev bot.Event, team string) bot.Event {
	ev.Trigger = mark(team, ev.Trigger)
	if ev.Kind == bot.EventRemoved && team != "" {
		ev.Team = team // not the one in which it happened to be told
	}
	ev.Files = slices.Clone(ev.Files)
	for i := range ev.Files {
		ev.Files[i].ID = mark(team, ev.Files[i].ID)
	}
	return ev
}

// labelled is a sink of the events of one workspace.
type labelled struct {
	bot.Sink
	ws *workspace
}

// Deliver implements [bot.Sink].
func (l labelled) Deliver(ctx context.Context, ev bot.Event) error {
	return l.Sink.Deliver(ctx, label(ev, l.ws.inst.Team))
}

// teamOf returns the team in a ref: none in a ref of the time when there was
// one workspace only.
func teamOf(ref string) string {
	p := strings.SplitN(ref, ":", 3)
	if len(p) > 1 && p[0] == Platform && teamRE.MatchString(p[1]) {
		return p[1]
	}
	return ""
}

// Lane is the lane of all that is sent to a workspace, of which the only one is
// not named. It is held while Slack lets Perch in no more.
func Lane(team string) string { return strings.TrimSuffix(Platform+":"+team, ":") }
