package slack

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// InstallerOptions are the app's own keys, from its Basic Information.
type InstallerOptions struct {
	ClientID     string
	ClientSecret string
	RedirectURL  string // where Slack sends the browser back to, as the manifest has it
	APIURL       string // default https://slack.com/api/
	HTTP         *http.Client
}

// Installer carries an installation through Slack's OAuth 2.0. It keeps
// nothing: who may install, and in which browser, is its caller's to know. See
// https://docs.slack.dev/authentication/installing-with-oauth
type Installer struct {
	o         InstallerOptions
	web       client // as Perch in a workspace
	asApp     client // as the app itself
	authorize string
}

// NewInstaller returns an Installer. It calls nobody.
func NewInstaller(o InstallerOptions) (*Installer, error) {
	if o.ClientID == "" || o.ClientSecret == "" {
		return nil, errors.New("slack: an installation needs the app's client ID and client secret")
	}
	in := &Installer{o: o, web: newClient(o.HTTP, o.APIURL), asApp: newClient(o.HTTP, o.APIURL)}
	base, err := url.Parse(in.web.base)
	if err != nil || base.Host == "" {
		return nil, errors.New("slack: the address of the API is none")
	}
	next := in.asApp.http.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	in.asApp.http.Transport = basicAuth{id: o.ClientID, secret: o.ClientSecret, next: next}
	in.authorize = base.ResolveReference(&url.URL{Path: "/oauth/v2/authorize"}).String()
	return in, nil
}

// basicAuth sends the app's keys in the header, as Slack asks for: parameters
// end up in logs.
type basicAuth struct {
	id, secret string
	next       http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (b basicAuth) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(b.id, b.secret)
	return b.next.RoundTrip(r)
}

// AuthorizeURL is Slack's page on which a person picks a workspace and agrees.
func (in *Installer) AuthorizeURL(state string) string {
	var scopes []string
	for _, s := range Scopes() {
		scopes = append(scopes, s.Name)
	}
	return in.authorize + "?" + values("client_id", in.o.ClientID, "scope", strings.Join(scopes, ","), "redirect_uri", in.o.RedirectURL, "state", state).Encode()
}

// ErrOrganization is returned for an installation in a whole organization,
// which has no workspace of its own.
var ErrOrganization = errors.New("slack: the app was installed in an organization, not in a workspace")

// errRotation is returned for an app whose tokens end after 12 hours.
var errRotation = errors.New("slack: the app has token rotation")

// MissingScopes is returned for an installation that lacks what Perch needs.
type MissingScopes []string

func (m MissingScopes) Error() string {
	return "slack: the installation lacks the scopes " + strings.Join(m, ", ")
}

// Exchange turns the code of the authorize page, which works once, into an
// installation.
func (in *Installer) Exchange(ctx context.Context, authCode string) (Installation, error) {
	var out struct {
		App     string `json:"app_id"`
		Type    string `json:"token_type"`
		Access  string `json:"access_token"`
		Scope   string `json:"scope"`
		BotUser string `json:"bot_user_id"`
		Team    struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"team"`
		Enterprise struct {
			ID string `json:"id"`
		} `json:"enterprise"`
		Organization bool `json:"is_enterprise_install"`
		By           struct {
			ID string `json:"id"`
		} `json:"authed_user"`
		Refresh string `json:"refresh_token"`
	}
	ans, err := in.asApp.call(ctx, "", "oauth.v2.access", values("code", authCode, "redirect_uri", in.o.RedirectURL), &out)
	if err != nil {
		return Installation{}, err
	}
	i := Installation{
		Team: out.Team.ID, Name: out.Team.Name, Enterprise: out.Enterprise.ID, App: out.App, BotUser: out.BotUser, Token: Token(out.Access),
		Scopes: strings.FieldsFunc(out.Scope, func(r rune) bool { return r == ',' || r == ' ' }), By: out.By.ID, At: slackTime(ans.header),
	}
	if err := in.check(ctx, &i, out.Type, out.Organization, out.Refresh != ""); err != nil {
		// The token is not revoked: a workspace has one for the app, and it may
		// be what an older installation works with.
		return Installation{}, err
	}
	return i, nil
}

// check makes sure that a token is what Perch can work with, and learns the
// rest of who the bot is.
func (in *Installer) check(ctx context.Context, i *Installation, tokenType string, organization, rotates bool) error {
	switch {
	case organization:
		return ErrOrganization
	case rotates:
		return errRotation
	case tokenType != "bot" || !strings.HasPrefix(string(i.Token), "xoxb-") || !teamRE.MatchString(i.Team) || !userRE.MatchString(i.BotUser):
		return errors.New("slack: oauth.v2.access: the answer has no bot token of a workspace")
	}
	var who identity
	if _, err := in.web.call(ctx, i.Token.Reveal(), "auth.test", nil, &who); err != nil {
		return err
	}
	if who.Team != i.Team || who.User != i.BotUser {
		return errors.New("slack: the token belongs to another workspace than Slack said")
	}
	i.BotID, i.BotName = who.Bot, who.Name
	var missing MissingScopes
	for _, s := range Scopes() {
		if !slices.Contains(i.Scopes, s.Name) {
			missing = append(missing, s.Name)
		}
	}
	if len(missing) > 0 {
		return missing
	}
	return nil
}

// slackTime is when Slack answered, by its own clock: events are stamped by
// it, and one from before an installation must not end that.
func slackTime(h http.Header) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t.UTC()
	}
	return time.Now().UTC()
}

// InstallProblem says to people why an installation failed and what to do next.
func InstallProblem(err error) string {
	if errors.Is(err, ErrOrganization) {
		return "Perch works in workspaces, and this was for a whole organization. Open the link again and pick one workspace."
	}
	if errors.Is(err, errRotation) {
		return "The app has token rotation, which Perch does without and Slack never switches off again. " +
			"Whoever runs Perch makes a new app from what perch slack manifest prints, puts its keys into the configuration and makes a new link."
	}
	if missing, ok := errors.AsType[MissingScopes](err); ok {
		return "Slack did not grant all that Perch needs: " + strings.Join(missing, ", ") + " is missing. Give the app the scopes that perch slack manifest prints, then open the link again."
	}
	switch code(err) {
	case "bad_client_secret", "invalid_client_id":
		return "Slack does not know the app by the client ID and secret in Perch's configuration. Whoever runs Perch finds both under the app's Basic Information."
	case "bad_redirect_uri":
		return "Slack does not know the address that it sent you back to. Whoever runs Perch adds it to the app's redirect URLs, as perch slack manifest prints it."
	case "invalid_team_for_non_distributed_app":
		return "The app may be installed only where it was made. Whoever runs Perch activates its distribution under Manage Distribution."
	case "invalid_code", "code_already_used", "code_expired":
		return "Slack's confirmation was used already or came too late. Open the link again."
	}
	return "Slack did not complete the installation. Open the link again; the log of Perch has the reason."
}
