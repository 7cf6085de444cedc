package xapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// maxMedia is how many photos a post may have, https://docs.x.com/x-api/posts/manage-tweets/introduction.
const maxMedia = 4

// Post is a post to be made.
type Post struct {
	Text          string
	ReplyTo       string   // id of the parent; our own last post makes a thread
	ExcludeUsers  []string // ids left out of a reply's mentions
	MediaIDs      []string // up to four photos, or one GIF, or one video
	ReplySettings string   // "following", "mentionedUsers", "subscribers", "verified"; empty: everyone
}

// CreatedPost is a post that X took.
type CreatedPost struct {
	ID   string
	Text string // as X has it, links shortened
}

// PostURL is the address of a post. Without a username X finds it by its id.
func PostURL(username, id string) string {
	if username == "" {
		return "https://x.com/i/web/status/" + url.PathEscape(id)
	}
	return "https://x.com/" + url.PathEscape(username) + "/status/" + url.PathEscape(id)
}

// CreatePost makes a post. X has no key against doubles: on an Uncertain error
// look at [Client.UserPosts] before another try. A CodeDuplicate error after
// an uncertain one probably means that the first went through.
func (c *Client) CreatePost(ctx context.Context, access string, p Post) (*CreatedPost, Limits, error) {
	type reply struct {
		ID      string   `json:"in_reply_to_tweet_id"`
		Exclude []string `json:"exclude_reply_user_ids,omitempty"`
	}
	type media struct {
		IDs []string `json:"media_ids"`
	}
	const op = "create post"
	body := struct {
		Text          string `json:"text"` // X rejects an absent one, even with media
		Reply         *reply `json:"reply,omitempty"`
		Media         *media `json:"media,omitempty"`
		ReplySettings string `json:"reply_settings,omitempty"`
	}{Text: p.Text, ReplySettings: p.ReplySettings}
	if p.Text == "" && len(p.MediaIDs) == 0 {
		return nil, Limits{}, invalid(op, "a post needs a text or media")
	}
	if p.ReplyTo != "" {
		if !validID(p.ReplyTo) {
			return nil, Limits{}, invalid(op, "the id of the post to reply to is no id")
		}
		body.Reply = &reply{ID: p.ReplyTo, Exclude: p.ExcludeUsers}
	}
	if n := len(p.MediaIDs); n > 0 {
		if n > maxMedia {
			return nil, Limits{}, invalid(op, "a post has at most four media")
		}
		for _, id := range p.MediaIDs {
			if !validID(id) {
				return nil, Limits{}, invalid(op, "a media id is no id")
			}
		}
		body.Media = &media{IDs: p.MediaIDs}
	}
	var out struct {
		Data struct {
			ID   id     `json:"id"`
			Text string `json:"text"`
		} `json:"data"`
		Errors []problem `json:"errors"`
	}
	k := &call{op: op, method: http.MethodPost, path: "/2/tweets", body: body, bearer: access, out: &out}
	limits, err := c.do(ctx, k)
	if err != nil {
		return nil, limits, err
	}
	if out.Data.ID == "" {
		return nil, limits, c.empty(k, limits, out.Errors)
	}
	return &CreatedPost{ID: string(out.Data.ID), Text: out.Data.Text}, limits, nil
}

// DeletePost deletes one of the account's own posts. One that is gone already
// answers with CodeNotFound.
func (c *Client) DeletePost(ctx context.Context, access, postID string) (Limits, error) {
	const op = "delete post"
	if !validID(postID) {
		return Limits{}, invalid(op, "the id of the post is no id")
	}
	var out struct {
		Data struct {
			Deleted bool `json:"deleted"`
		} `json:"data"`
		Errors []problem `json:"errors"`
	}
	k := &call{op: op, method: http.MethodDelete, path: "/2/tweets/" + postID, bearer: access, out: &out}
	limits, err := c.do(ctx, k)
	if err == nil && !out.Data.Deleted {
		err = c.empty(k, limits, out.Errors)
	}
	return limits, err
}

// Posts is a page of posts, newest first.
type Posts struct {
	Posts    []Tweet
	NewestID string
	Next     string    // token of the next page; empty: this was the last
	Errors   []Problem // what X could not show of an otherwise good answer
}

// Problem is a part of an answer that X left out, with its words.
type Problem struct{ Title, Detail, Type string }

// PostsOptions asks for a page.
type PostsOptions struct {
	SinceID string // only newer ones
	Max     int    // 5 to 100; 0 lets X choose
	Token   string // Next of the page before
}

// UserPosts reads the newest posts of a user that are newer than sinceID
// (which may be empty), at most max of them (5 to 100).
func (c *Client) UserPosts(ctx context.Context, access, userID, sinceID string, limit int) (*Posts, Limits, error) {
	return c.timeline(ctx, "read own posts", "tweets", access, userID, PostsOptions{SinceID: sinceID, Max: limit})
}

// Mentions reads a page of the posts that mention a user.
func (c *Client) Mentions(ctx context.Context, access, userID string, o PostsOptions) (*Posts, Limits, error) {
	return c.timeline(ctx, "read mentions", "mentions", access, userID, o)
}

func (c *Client) timeline(ctx context.Context, op, what, access, userID string, o PostsOptions) (*Posts, Limits, error) {
	if !validID(userID) || (o.SinceID != "" && !validID(o.SinceID)) {
		return nil, Limits{}, invalid(op, "the id of the user or post is no id")
	}
	q := tweetQuery()
	if o.SinceID != "" {
		q.Set("since_id", o.SinceID)
	}
	if o.Max > 0 {
		q.Set("max_results", strconv.Itoa(min(max(o.Max, 5), 100)))
	}
	if o.Token != "" {
		q.Set("pagination_token", o.Token)
	}
	var out wirePage
	limits, err := c.do(ctx, &call{op: op, method: http.MethodGet, path: "/2/users/" + userID + "/" + what, query: q, bearer: access, out: &out})
	if err != nil {
		return nil, limits, err
	}
	return out.posts(), limits, nil
}

// LookupPost reads one post.
func (c *Client) LookupPost(ctx context.Context, access, postID string) (*Tweet, Limits, error) {
	const op = "read post"
	if !validID(postID) {
		return nil, Limits{}, invalid(op, "the id of the post is no id")
	}
	var out struct {
		Data     *wireTweet   `json:"data"`
		Includes wireIncludes `json:"includes"`
		Errors   []problem    `json:"errors"`
	}
	k := &call{op: op, method: http.MethodGet, path: "/2/tweets/" + postID, query: tweetQuery(), bearer: access, out: &out}
	limits, err := c.do(ctx, k)
	if err != nil {
		return nil, limits, err
	}
	if out.Data == nil || out.Data.ID == "" {
		return nil, limits, c.empty(k, limits, out.Errors)
	}
	t := out.Data.tweet(out.Includes.users(), out.Includes.media())
	return &t, limits, nil
}

// tweetQuery asks for what Perch shows and no more: X bills what is included.
// These are the names from before August 2026, which X's own tools still send.
func tweetQuery() url.Values {
	return url.Values{
		"tweet.fields": {"attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,in_reply_to_user_id,note_tweet,referenced_tweets,reply_settings"},
		"expansions":   {"author_id,attachments.media_keys"},
		"user.fields":  {"name,profile_image_url,username,verified,verified_type"},
		"media.fields": {mediaFields},
	}
}

const mediaFields = "alt_text,media_key,preview_image_url,type,url,variants"
