package xapi

import (
	"context"
	"net/http"
	"net/url"
)

// User is somebody on X.
type User struct {
	ID           string
	Username     string // without the @
	Name         string
	AvatarURL    string
	Verified     bool
	VerifiedType string // "blue", "business", "government", "none"
	Subscription string // "None", "Basic", "Premium", "PremiumPlus"; only of oneself
	Followers    int
	Protected    bool
	TakesDMs     *bool // whether the one who asked may write to them; nil: X did not say
}

type wireUser struct {
	ID           id     `json:"id"`
	IDStr        id     `json:"id_str"`
	Username     string `json:"username"`
	ScreenName   string `json:"screen_name"` // v1
	Name         string `json:"name"`
	Avatar       string `json:"profile_image_url"`
	AvatarHTTPS  string `json:"profile_image_url_https"` // v1
	Verified     bool   `json:"verified"`
	VerifiedType string `json:"verified_type"`
	Subscription string `json:"subscription_type"`
	Protected    bool   `json:"protected"`
	TakesDMs     *bool  `json:"receives_your_dm"`
	Followers    int    `json:"followers_count"` // v1
	Metrics      struct {
		Followers int `json:"followers_count"`
	} `json:"public_metrics"`
}

func (w wireUser) user() User {
	return User{
		ID:           firstID(w.IDStr, w.ID),
		Username:     orElse(w.Username, w.ScreenName),
		Name:         w.Name,
		AvatarURL:    orElse(w.AvatarHTTPS, w.Avatar),
		Verified:     w.Verified,
		VerifiedType: w.VerifiedType,
		Subscription: w.Subscription,
		Followers:    max(w.Followers, w.Metrics.Followers),
		Protected:    w.Protected,
		TakesDMs:     w.TakesDMs,
	}
}

const userFields = "id,name,profile_image_url,protected,public_metrics,username,verified,verified_type"

// Me reads whose token it is. It had outages that answered 401: a token just
// made is not bad because this fails once.
func (c *Client) Me(ctx context.Context, access string) (*User, error) {
	return c.user(ctx, "read own profile", "/2/users/me", access, userFields+",subscription_type")
}

// LookupUser reads a user by id, with whether they take messages from us.
func (c *Client) LookupUser(ctx context.Context, access, userID string) (*User, error) {
	const op = "read user"
	if !validID(userID) {
		return nil, invalid(op, "the id of the user is no id")
	}
	return c.user(ctx, op, "/2/users/"+userID, access, userFields+",receives_your_dm")
}

// LookupUsername reads a user by name, without the @.
func (c *Client) LookupUsername(ctx context.Context, access, username string) (*User, error) {
	const op = "read user"
	if !validUsername(username) {
		return nil, invalid(op, "this is no username of X")
	}
	return c.user(ctx, op, "/2/users/by/username/"+username, access, userFields+",receives_your_dm")
}

func validUsername(s string) bool {
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 15
}

func (c *Client) user(ctx context.Context, op, path, access, fields string) (*User, error) {
	var out struct {
		Data   wireUser  `json:"data"`
		Errors []problem `json:"errors"`
	}
	k := &call{op: op, method: http.MethodGet, path: path, query: url.Values{"user.fields": {fields}}, bearer: access, out: &out}
	limits, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	u := out.Data.user()
	if u.ID == "" {
		return nil, c.empty(k, limits, out.Errors)
	}
	return &u, nil
}
