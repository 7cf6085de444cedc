// Package config reads Perch's configuration: one YAML file, overridden by the
// environment, with secrets from the environment or from files. It reports
// every mistake at once and decides nothing else.
package config

import (
	"time"
)

// Config is the whole configuration. A zero value is not usable: see [Default].
type Config struct {
	// Listen is the address of the web server: API, webhooks, pages.
	Listen string `yaml:"listen"`

	// PublicURL is how the outside reaches Listen, without a slash at the end.
	PublicURL string `yaml:"public_url"`

	// Data is the folder of the embedded store.
	Data string `yaml:"data"`

	// EncryptionKey seals tokens at rest: 32 bytes in base64.
	EncryptionKey Secret `yaml:"encryption_key"`

	// OldEncryptionKeys still open what was sealed before a rotation.
	OldEncryptionKeys []Secret `yaml:"old_encryption_keys"`

	Store       Store        `yaml:"store"`
	X           X            `yaml:"x"`
	Chat        Chat         `yaml:"chat"`
	Team        Team         `yaml:"team"`
	Channels    Channels     `yaml:"channels"`
	Departments []Department `yaml:"departments"`
	Desk        Desk         `yaml:"desk"`
	Timeline    Timeline     `yaml:"timeline"`
	Publish     Publish      `yaml:"publish"`
	Log         Log          `yaml:"log"`
	Shutdown    Shutdown     `yaml:"shutdown"`
}

// Store says where state is kept.
type Store struct {
	Driver      string `yaml:"driver"` // bolt or postgres
	PostgresURL Secret `yaml:"postgres_url"`
}

// X holds the keys of the app at X's developer console.
type X struct {
	ClientID       string   `yaml:"client_id"`
	ClientSecret   Secret   `yaml:"client_secret"`
	ConsumerKey    Secret   `yaml:"consumer_key"`
	ConsumerSecret Secret   `yaml:"consumer_secret"`
	BearerToken    Secret   `yaml:"bearer_token"`
	APIBase        string   `yaml:"api_base"`
	AuthorizeURL   string   `yaml:"authorize_url"`
	Webhook        bool     `yaml:"webhook"`
	PollInterval   Duration `yaml:"poll_interval"`
}

// Chat says which chats Perch joins.
type Chat struct {
	Slack      Slack      `yaml:"slack"`
	RocketChat RocketChat `yaml:"rocketchat"`
	Webchat    bool       `yaml:"webchat"` // the built-in chat, on a loopback address only
}

// RocketChatSetup is the setup channel in a Rocket.Chat workspace where the
// configuration names none.
const RocketChatSetup = "rocketchat:#omnichannel-twitter-setup"

// RocketChat is the bot's user in a Rocket.Chat workspace.
type RocketChat struct {
	URL    string `yaml:"url"`     // at which people open it; empty: no Rocket.Chat
	UserID string `yaml:"user_id"` // of the bot's user
	Token  Secret `yaml:"token"`   // its personal access token

	// AppSecret is shared with the companion app in the workspace; empty: none.
	AppSecret Secret `yaml:"app_secret"`
}

// Slack is the app in a Slack workspace, see perch slack manifest.
type Slack struct {
	BotToken      Secret `yaml:"bot_token"`      // xoxb-…; empty: no Slack
	AppToken      Secret `yaml:"app_token"`      // xapp-…, for Socket Mode
	SigningSecret Secret `yaml:"signing_secret"` // for HTTP mode
	HTTPMode      bool   `yaml:"http_mode"`      // Slack calls <public_url>/slack/events
	APIURL        string `yaml:"api_url"`

	// The app's own keys, for several workspaces: people install the app from
	// <public_url>/slack/install with a link of perch slack install-link, and no
	// bot token is needed here.
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
}

// Team says who may do what, by chat user refs such as "slack:U012AB3CD".
type Team struct {
	Admins     []string `yaml:"admins"`
	Responders []string `yaml:"responders"` // empty: everybody may keep incidents
	Agents     []string `yaml:"agents"`     // agents of departments are agents too
}

// Channels are the channels Perch speaks in by itself.
type Channels struct {
	Setup     string `yaml:"setup"` // a ref, or platform:#name: made, or joined, at the start
	Incidents string `yaml:"incidents"`

	// PerIncident makes a channel for each incident, on the chat of Incidents.
	PerIncident bool `yaml:"per_incident"`
}

// Timeline says how messages of the chat become entries of an incident.
type Timeline struct {
	// Emoji are the reactions that add a message, without a question, as an
	// internal entry at the message's own time. Names without colons.
	Emoji []string `yaml:"emoji"`
}

// Department is a group of agents that serves customers in one channel.
type Department struct {
	Name    string   `yaml:"name"`
	Channel string   `yaml:"channel"`
	Agents  []string `yaml:"agents"`
	OnDuty  []string `yaml:"on_duty"` // on duty until they say otherwise

	// UserGroup is a group of the chat whose members are the agents on duty:
	// slack:S012AB3CD. They are agents as long as they are in it.
	UserGroup string `yaml:"user_group"`
}

// Desk holds the first values of the settings that an admin can change at run time.
type Desk struct {
	DefaultDepartment  string   `yaml:"default_department"`
	ServiceUnavailable string   `yaml:"service_unavailable_message"`
	Welcome            string   `yaml:"welcome_message"`
	Finished           string   `yaml:"conversation_finished_message"`
	AgentsDisplayName  string   `yaml:"agents_display_name"` // none, name or username
	FileUpload         bool     `yaml:"file_upload_enabled"`
	MaxUpload          ByteSize `yaml:"max_upload_size"`
	MediaTypes         []string `yaml:"accepted_media_types"`

	// PublicChannels lets direct messages of customers into channels that
	// everybody in the chat can read.
	PublicChannels bool `yaml:"public_channels"`

	// Remind is how long a customer waits before those on duty are called
	// again; 0 never.
	Remind Duration `yaml:"remind_after"`

	Emoji DeskEmoji `yaml:"emoji"`
}

// DeskEmoji are the reactions by which agents act on a conversation's card (or,
// for Note, on their own message), as with its buttons. Names without colons;
// an empty one is not used.
type DeskEmoji struct {
	Claim  string `yaml:"claim"`
	Close  string `yaml:"close"`
	Snooze string `yaml:"snooze"`
	Note   string `yaml:"note"`
}

// Publish is the policy for posts that no person previewed in chat.
type Publish struct {
	API       string `yaml:"api"`       // draft or direct
	Workflows string `yaml:"workflows"` // draft or direct
	Approval  bool   `yaml:"approval"`  // another person has to approve every post
}

// Log says how much is logged and in which form.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
}

// Shutdown bounds the end.
type Shutdown struct {
	Drain Duration `yaml:"drain"`
}

// Default is the configuration before anything was read.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		Data:   "perch-data",
		Store:  Store{Driver: "bolt"},
		X: X{
			APIBase:      "https://api.x.com",
			AuthorizeURL: "https://x.com/i/oauth2/authorize",
			Webhook:      true,
			PollInterval: Duration(5 * time.Minute),
		},
		Chat: Chat{Slack: Slack{APIURL: "https://slack.com/api/"}},
		Desk: Desk{
			ServiceUnavailable: "Thanks for your message. Nobody is here right now; we will answer as soon as somebody is.",
			Welcome:            "Thanks for writing to us. Somebody will answer you here shortly.",
			Finished:           "We closed this conversation. Write again any time and we will pick it up.",
			AgentsDisplayName:  "none",
			FileUpload:         true,
			MaxUpload:          5 << 20,
			MediaTypes:         []string{"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4"},
			Remind:             Duration(10 * time.Minute),
			Emoji:              DeskEmoji{Claim: "raised_hand", Close: "checkered_flag", Snooze: "zzz", Note: "lock"},
		},
		Timeline: Timeline{Emoji: []string{"pushpin"}},
		Publish:  Publish{API: "draft", Workflows: "direct"},
		Log:      Log{Level: "info", Format: "text"},
		Shutdown: Shutdown{Drain: Duration(10 * time.Second)},
	}
}
