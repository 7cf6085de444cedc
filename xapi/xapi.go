// Package xapi is a client of the X API v2: OAuth 2.0 with PKCE, posts, direct
// messages, mentions, media, webhooks, activity subscriptions and what their
// deliveries hold. It knows nothing of Perch: tokens come in as arguments, and
// it stores, schedules and repeats nothing. A call that may have had its effect
// says so in its error ([Error.Uncertain]) and is never sent again from here.
// No token is ever part of an error.
package xapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// The addresses that X documents, https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code.
const (
	defaultAPIBase      = "https://api.x.com"
	defaultAuthorizeURL = "https://x.com/i/oauth2/authorize"
	defaultUserAgent    = "perch-xapi/1"
	defaultTimeout      = 30 * time.Second
)

// Config is what a [Client] needs to know. Every field may be left out; calls
// that need a missing one answer with a CodeConfig error.
type Config struct {
	APIBase      string // "https://api.x.com"
	AuthorizeURL string // "https://x.com/i/oauth2/authorize"

	ClientID     string // OAuth 2.0 client of a confidential app
	ClientSecret string
	RedirectURL  string // as registered, to the letter

	ConsumerKey    string // API key: with the secret it gets an app-only bearer token
	ConsumerSecret string // API key secret: also the key of webhook signatures
	BearerToken    string // app-only token; obtained with the two above if empty

	HTTP      *http.Client // a client with a timeout of 30 s if nil; redirects are never followed
	UserAgent string

	// PollMin and PollMax bound the wait between two looks at media that X
	// still works on (1 s and 10 s), ProcessingLimit the wait as a whole (7 min).
	PollMin, PollMax, ProcessingLimit time.Duration
}

// Client calls the X API. It is safe for concurrent use.
type Client struct {
	cfg   Config
	http  *http.Client
	oauth oauth2.Config

	mu     sync.Mutex
	bearer string // app-only token that was obtained, not configured
}

// New returns a client. It does no I/O.
func New(cfg Config) *Client {
	cfg.APIBase = strings.TrimRight(orElse(cfg.APIBase, defaultAPIBase), "/")
	cfg.AuthorizeURL = orElse(cfg.AuthorizeURL, defaultAuthorizeURL)
	cfg.UserAgent = orElse(cfg.UserAgent, defaultUserAgent)
	cfg.PollMin = orDuration(cfg.PollMin, time.Second)
	cfg.PollMax = orDuration(cfg.PollMax, 10*time.Second)
	cfg.ProcessingLimit = orDuration(cfg.ProcessingLimit, 7*time.Minute)

	hc := &http.Client{Timeout: defaultTimeout}
	if cfg.HTTP != nil {
		copied := *cfg.HTTP // the caller's client keeps its own redirect policy
		hc = &copied
	}
	// A redirect would carry the token, or a post, to where X did not promise anything.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	return &Client{cfg: cfg, http: hc, oauth: oauth2.Config{
		ClientID:     cfg.ClientID,
		ClientSecret: cfg.ClientSecret,
		RedirectURL:  cfg.RedirectURL,
		Endpoint: oauth2.Endpoint{
			AuthURL:  cfg.AuthorizeURL,
			TokenURL: cfg.APIBase + "/2/oauth2/token",
			// Detecting the style makes X answer "Missing valid authorization header".
			AuthStyle: oauth2.AuthStyleInHeader,
		},
	}}
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func orDuration(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}
