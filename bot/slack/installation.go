package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Token is a bot token. It is never shown: printing, logging and encoding it
// give "[redacted]".
type Token string

// Reveal returns the token, to call Slack with it or to seal it.
func (t Token) Reveal() string { return string(t) }

// String implements [fmt.Stringer].
func (t Token) String() string {
	if t == "" {
		return ""
	}
	return "[redacted]"
}

// Format implements [fmt.Formatter], for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(t.String())) }

// LogValue implements [slog.LogValuer].
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText implements [encoding.TextMarshaler], which JSON uses too.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Installation is the app in one workspace.
type Installation struct {
	ID         string // another one each time it is installed; made by whoever keeps it
	Team       string // the workspace, T…
	Name       string // of the workspace
	Enterprise string // the organization it belongs to, if any
	App        string // A…
	BotUser    string // U…
	BotID      string // B…
	BotName    string
	Scopes     []string
	Token      Token
	By         string    // the person who installed it, U…
	At         time.Time // by Slack's clock, which events are stamped by too
}

// ErrNotInstalled is returned for a workspace without the app.
var ErrNotInstalled = errors.New("slack: the app is not installed in this workspace")

// NotInstalled is in the [bot.Error] of a call in a workspace that Perch is
// not installed in. The call had no effect.
type NotInstalled struct{ Team string }

func (n *NotInstalled) Error() string { return "workspace " + n.Team }

// CodeNotInstalled is the code of such an error.
const CodeNotInstalled = "not_installed"

func notInstalled(team string) error {
	return &bot.Error{
		Code: CodeNotInstalled, Temporary: true, Err: &NotInstalled{team},
		Message: "Perch is not installed in the Slack workspace " + team + ". Install it there with a link from: perch slack install-link. What waits for it goes out then.",
	}
}

// IsTeam reports whether s has the form of a workspace's ID.
func IsTeam(s string) bool { return teamRE.MatchString(s) }

// Installations keeps where the app is installed. Whoever implements it seals
// the tokens. Its methods are safe for concurrent use.
type Installations interface {
	// Find returns the installation of a workspace, or ErrNotInstalled.
	Find(ctx context.Context, team string) (Installation, error)

	// Teams lists the workspaces.
	Teams(ctx context.Context) ([]string, error)

	// Broken says that Slack does not take the token of this installation any
	// more, with Slack's word for it. An installation that was replaced in the
	// meantime stays.
	Broken(ctx context.Context, i Installation, code string) error
}
