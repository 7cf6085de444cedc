package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// check notes a problem at path, with the line the key stands on, unless ok.
func (d *decoder) check(ok bool, path, format string, args ...any) {
	if ok {
		return
	}
	p := Problem{Path: path, Message: fmt.Sprintf(format, args...)}
	if line, known := d.lines[path]; known {
		p.Where = fmt.Sprintf("%s:%d", d.file, line)
	}
	d.problems = append(d.problems, p)
}

// teamed is an ID behind the workspace that it is in.
var teamed = regexp.MustCompile(`^[TE][A-Z0-9]{1,30}:.`)

func (d *decoder) validate(c Config) {
	d.workspaces = c.Chat.Slack.ClientID != ""
	host, _, err := net.SplitHostPort(c.Listen)
	d.check(err == nil, "listen", "%q is no address: write host:port, such as 127.0.0.1:8080", c.Listen)
	d.publicURL(c)
	d.check(c.Data != "" || c.Store.Driver != "bolt", "data", "is empty: name the folder for Perch's data")
	d.keys(c)

	d.oneOf("store.driver", c.Store.Driver, "bolt", "postgres")
	d.check(c.Store.Driver != "postgres" || c.Store.PostgresURL != "", "store.postgres_url",
		"is empty: set PERCH_STORE_POSTGRES_URL, such as postgres://perch@db/perch")

	d.check(c.X.ClientID != "", "x.client_id", "is empty: copy the OAuth 2.0 Client ID from console.x.com")
	d.check(c.X.ClientSecret != "", "x.client_secret", "is empty: set PERCH_X_CLIENT_SECRET to the OAuth 2.0 Client Secret")
	d.check(!c.X.Webhook || c.X.ConsumerSecret != "", "x.consumer_secret",
		"is empty: set PERCH_X_CONSUMER_SECRET to the API Key Secret, or x.webhook to false to only poll")
	d.check(!c.X.Webhook || c.X.BearerToken != "" || c.X.ConsumerKey != "", "x.bearer_token",
		"is empty: set PERCH_X_BEARER_TOKEN (or PERCH_X_CONSUMER_KEY), or x.webhook to false to only poll")
	d.httpURL("x.api_base", c.X.APIBase)
	d.httpURL("x.authorize_url", c.X.AuthorizeURL)
	d.check(c.X.PollInterval >= minPoll, "x.poll_interval", "%s is shorter than 1m: X allows 15 reads of messages in 15 minutes", c.X.PollInterval)

	d.slack(c.Chat.Slack)
	d.rocketchat(c.Chat.RocketChat)
	d.check(!c.Chat.Webchat || err != nil || loopback(host), "chat.webchat",
		"has no passwords and works on a loopback address only: set listen to 127.0.0.1:8080, or webchat to false")
	if u, err := url.Parse(c.PublicURL); c.Chat.Webchat && err == nil && u.Host != "" {
		// A proxy before it would let the whole world in: most of them hide
		// where a request was meant for.
		d.check(loopback(u.Hostname()), "chat.webchat",
			"has no passwords and must not be reachable from outside: set public_url to http://127.0.0.1:8080 and x.webhook to false, or webchat to false")
	}
	d.people("team.admins", c.Team.Admins)
	d.people("team.responders", c.Team.Responders)
	d.people("team.agents", c.Team.Agents)
	d.channel("channels.setup", c.Channels.Setup)
	d.channel("channels.incidents", c.Channels.Incidents)
	d.check(!c.Channels.PerIncident || c.Channels.Incidents != "", "channels.per_incident", "needs channels.incidents, where Perch announces each incident's channel")
	d.departments(c)

	d.emoji("timeline.emoji", c.Timeline.Emoji...)
	e := c.Desk.Emoji
	d.emoji("desk.emoji", e.Claim, e.Close, e.Snooze, e.Note)
	d.oneOf("desk.agents_display_name", c.Desk.AgentsDisplayName, "none", "name", "username")
	d.oneOf("publish.api", c.Publish.API, "draft", "direct")
	d.oneOf("publish.workflows", c.Publish.Workflows, "draft", "direct")
	d.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	d.oneOf("log.format", c.Log.Format, "text", "json")
}

// minPoll keeps polling under X's limit of 15 reads in 15 minutes.
const minPoll = Duration(60_000_000_000)

func (d *decoder) publicURL(c Config) {
	u, err := url.Parse(c.PublicURL)
	switch {
	case c.PublicURL == "":
		d.check(false, "public_url", "is empty: write the address at which X and your team reach Perch, such as https://perch.example.com")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		d.check(false, "public_url", "%q is no address: write https://perch.example.com", c.PublicURL)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		d.check(false, "public_url", "%q has more than a host: leave out what follows it", c.PublicURL)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.check(false, "public_url", "%q is not https: X only calls https addresses", c.PublicURL)
	}
}

// minAppSecret is what nobody guesses.
const minAppSecret = 24

func (d *decoder) rocketchat(r RocketChat) {
	if r.URL == "" {
		d.check(r.UserID == "" && r.Token == "" && r.AppSecret == "", "chat.rocketchat.url", "is empty: write the address at which people open Rocket.Chat, or leave the other keys of chat.rocketchat empty")
		return
	}
	d.httpURL("chat.rocketchat.url", r.URL)
	d.check(r.UserID != "", "chat.rocketchat.user_id", "is empty: copy the User ID that Rocket.Chat shows beside a new personal access token")
	d.check(r.Token != "", "chat.rocketchat.token", "is empty: set PERCH_CHAT_ROCKETCHAT_TOKEN to a personal access token of the bot's user")
	d.check(r.AppSecret == "" || len(r.AppSecret.Reveal()) >= minAppSecret, "chat.rocketchat.app_secret",
		"is shorter than %d characters and could be guessed: make one with openssl rand -hex 32", minAppSecret)
}

func (d *decoder) slack(s Slack) {
	d.check((s.ClientID == "") == (s.ClientSecret == ""), "chat.slack.client_id",
		"and client_secret go together: copy both from Basic Information, or leave both empty")
	switch {
	case s.ClientID != "":
		d.check(s.BotToken == "", "chat.slack.bot_token", "is set beside client_id: each workspace gets its own token at its installation, leave this empty")
	case s.BotToken == "":
		d.check(s.AppToken == "" && s.SigningSecret == "" && !s.HTTPMode, "chat.slack.bot_token",
			"is empty: set PERCH_CHAT_SLACK_BOT_TOKEN to the Bot User OAuth Token (xoxb-…), or leave the other keys of chat.slack empty")
		return
	default:
		if strings.HasPrefix(s.BotToken.Reveal(), "xoxe.") {
			d.check(false, "chat.slack.bot_token", "is a token that ends after 12 hours: the app has token rotation, which Slack never switches off again. "+
				"Make a new app from what perch slack manifest prints, and copy its Bot User OAuth Token, which begins with xoxb-")
		} else {
			d.check(strings.HasPrefix(s.BotToken.Reveal(), "xoxb-"), "chat.slack.bot_token", "is no bot token: copy the Bot User OAuth Token, which begins with xoxb-")
		}
	}
	if s.HTTPMode {
		d.check(s.SigningSecret != "", "chat.slack.signing_secret", "is empty: set PERCH_CHAT_SLACK_SIGNING_SECRET to the Signing Secret under Basic Information")
	} else {
		d.check(strings.HasPrefix(s.AppToken.Reveal(), "xapp-"), "chat.slack.app_token",
			"is no app-level token: make one with the scope connections:write under Basic Information (it begins with xapp-), or set chat.slack.http_mode to true")
	}
	d.httpURL("chat.slack.api_url", s.APIURL)
}

func (d *decoder) keys(c Config) {
	if c.EncryptionKey == "" {
		d.check(false, "encryption_key", "is empty: set PERCH_ENCRYPTION_KEY to the output of: openssl rand -base64 32")
	} else if _, err := DecodeKey(c.EncryptionKey); err != nil {
		d.check(false, "encryption_key", "%s", err)
	}
	for i, k := range c.OldEncryptionKeys {
		if _, err := DecodeKey(k); err != nil {
			d.check(false, fmt.Sprintf("old_encryption_keys[%d]", i), "%s", err)
		}
	}
}

// DecodeKey returns the 32 bytes of an encryption key.
func DecodeKey(k Secret) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(k.Reveal()))
	if err != nil || len(b) != 32 {
		return nil, fmt.Errorf("must be 32 bytes in base64: make one with openssl rand -base64 32")
	}
	return b, nil
}

func (d *decoder) departments(c Config) {
	names := map[string]bool{}
	for i, dep := range c.Departments {
		at := fmt.Sprintf("departments[%d]", i)
		d.check(dep.Name != "", at+".name", "is empty")
		d.check(!names[dep.Name], at+".name", "%q stands here twice", dep.Name)
		names[dep.Name] = true
		d.check(dep.Channel != "", at+".channel", "is empty: name the channel in which this department answers")
		if platform, rest, _ := strings.Cut(dep.Channel, ":"); rest == omnichannel || strings.HasPrefix(rest, omnichannel+":") {
			d.omnichannel(at, platform, rest, dep, c)
			continue
		}
		d.channel(at+".channel", dep.Channel)
		d.people(at+".agents", dep.Agents)
		d.people(at+".on_duty", dep.OnDuty)
		d.ref(at+".user_group", dep.UserGroup)
		for j, u := range dep.OnDuty {
			d.check(slices.Contains(dep.Agents, u), fmt.Sprintf("%s.on_duty[%d]", at, j), "%q is not among the department's agents", u)
		}
	}
	if dd := c.Desk.DefaultDepartment; dd != "" {
		served := len(c.Departments) == 0 && c.Chat.RocketChat.URL != "" // one of Rocket.Chat's own
		d.check(names[dd] || served, "desk.default_department", "%q is none of the departments", dd)
	}
}

// omnichannel stands for a channel where Rocket.Chat serves customers.
const omnichannel = "omnichannel"

// omnichannel checks a department whose customers Rocket.Chat serves.
func (d *decoder) omnichannel(at, platform, rest string, dep Department, c Config) {
	ok := platform == "rocketchat" && rest != omnichannel+":"
	d.check(ok, at+".channel", "%q is no department of Rocket.Chat: write rocketchat:omnichannel, or rocketchat:omnichannel:Sales for its department Sales", dep.Channel)
	d.check(!ok || c.Chat.RocketChat.URL != "", at+".channel", "needs chat.rocketchat.url: Rocket.Chat serves these customers")
	d.check(len(dep.Agents) == 0 && len(dep.OnDuty) == 0 && dep.UserGroup == "", at, "has people: who serves these customers is set in Rocket.Chat; leave agents, on_duty and user_group out")
}

// people checks the refs of people. In Rocket.Chat they may be named by their
// usernames: rocketchat:@sam.
func (d *decoder) people(path string, refs []string) {
	for i, r := range refs {
		at := fmt.Sprintf("%s[%d]", path, i)
		platform, name, named := strings.Cut(r, ":@")
		if !named {
			d.ref(at, r)
			continue
		}
		d.check(platform == "rocketchat", at, "%q is a username: write the person's ID, such as slack:U012AB3CD (Rocket.Chat alone takes usernames)", r)
		d.check(username.MatchString(name), at, "%q is no username", r)
	}
}

// username is what Rocket.Chat takes as one.
var username = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// ref checks the form "platform:id" of a person or a channel.
func (d *decoder) ref(path, ref string) {
	if ref == "" {
		return
	}
	platform, id, _ := strings.Cut(ref, ":")
	ok := id != "" && slices.Contains([]string{"slack", "rocketchat", "webchat"}, platform)
	d.check(ok, path, "%q must begin with slack:, rocketchat: or webchat:, such as slack:U012AB3CD", ref)
	if ok && platform == "slack" && d.workspaces {
		d.check(teamed.MatchString(id), path, "%q doesn't say which workspace: with chat.slack.client_id write its ID too, such as slack:T012AB3CD:U012AB3CD", ref)
		_, id, _ = strings.Cut(id, ":")
	}
	d.check(!ok || !strings.HasPrefix(id, "#"), path, "%q is a name: write the channel's ID, which stands at the end of its About page", ref)
}

// channel checks a channel that may also be named: slack:#twitter-setup.
func (d *decoder) channel(path, ref string) {
	platform, name, ok := strings.Cut(ref, ":#")
	if !ok {
		d.ref(path, ref)
		return
	}
	d.ref(path, platform+":ID")
	ok = name != "" && len(name) <= 80 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
	d.check(ok, path, "%q is no name for a channel: use up to 80 small letters, digits, - and _", ref)
}

func (d *decoder) oneOf(path, v string, allowed ...string) {
	d.check(slices.Contains(allowed, v), path, "%q is not one of %s", v, strings.Join(allowed, ", "))
}

func (d *decoder) httpURL(path, s string) {
	u, err := url.Parse(s)
	ok := err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
	switch {
	case ok:
	case err == nil && u.Scheme == "http" && u.Host != "":
		d.check(false, path, "%q is not https, so others could read Perch's keys on the way: write https://%s", s, u.Host+u.Path)
	case !strings.Contains(s, "://"):
		d.check(false, path, "%q is no https address: write https:// before it", s)
	default:
		d.check(false, path, "%q is no https address", s)
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// emoji checks the names of reactions: each means one thing.
func (d *decoder) emoji(path string, names ...string) {
	seen := map[string]bool{}
	for _, n := range names {
		d.check(strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789_+'-") == "", path, "%q is no name of an emoji: write it as in :pushpin:, without the colons", n)
		d.check(n == "" || !seen[n], path, "%q stands here twice: a reaction means one thing", n)
		seen[n] = true
	}
}
