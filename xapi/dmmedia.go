package xapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxRedirects is how many other addresses a download may be sent on to.
const maxRedirects = 3

// File is what was downloaded.
type File struct {
	Type string // as X says
	Data []byte
}

// DMMediaRef finds the download of an attachment in the address that a webhook
// gives of it, https://ton.twitter.com/1.1/ton/data/dm/<event>/<media>/<file>.
func DMMediaRef(address string) (eventID, mediaID, resource string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", "", false
	}
	_, rest, found := strings.Cut(u.Path, "/dm/")
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 3 || !validID(parts[0]) || !validID(parts[1]) || !validResource(parts[2]) {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

// validResource is the pattern of X's specification, without the two names
// that mean another folder.
func validResource(s string) bool {
	if s == "" || len(s) > 50 || s == "." || s == ".." {
		return false
	}
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", r) {
			return false
		}
	}
	return true
}

// DMMedia downloads an attachment of a direct message, at most limit bytes of
// it. X does not say if it wants the file's extension: a name that is unknown
// with it is asked for once more without.
func (c *Client) DMMedia(ctx context.Context, access, eventID, mediaID, resource string, limit int64) (*File, Limits, error) {
	const op = "download attachment"
	if !validID(eventID) || !validID(mediaID) || !validResource(resource) {
		return nil, Limits{}, invalid(op, "the address of the attachment is not one of X's")
	}
	path := "/2/dm_conversations/media/" + eventID + "/" + mediaID + "/"
	f, l, err := c.download(ctx, &call{op: op, method: http.MethodGet, path: path + resource, bearer: access}, limit)
	var e *Error
	if errors.As(err, &e) && e.Code == CodeNotFound {
		if i := strings.LastIndexByte(resource, '.'); i > 0 {
			return c.download(ctx, &call{op: op, method: http.MethodGet, path: path + resource[:i], bearer: access}, limit)
		}
	}
	return f, l, err
}

// download follows redirects by itself, and never shows the token to another host.
func (c *Client) download(ctx context.Context, k *call, limit int64) (*File, Limits, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return nil, Limits{}, err
	}
	resp, t, limits, err := c.fetch(ctx, k, req, c.http, func(*url.URL) bool { return true }) //nolint:bodyclose // file closes it
	if err != nil {
		return nil, limits, err
	}
	f, err := c.file(ctx, k, t, resp, limits, limit)
	return f, limits, err
}

// fetch asks for a file, wherever X sends us on to, as long as that may be.
func (c *Client) fetch(ctx context.Context, k *call, req *http.Request, hc *http.Client, may func(*url.URL) bool) (*http.Response, *tracker, Limits, error) {
	req.Header.Set("Accept", "*/*")
	for range maxRedirects + 1 {
		t := &tracker{}
		resp, err := hc.Do(req.WithContext(t.watch(ctx)))
		if err != nil {
			return nil, t, Limits{}, c.lost(ctx, k, t, err)
		}
		limits := readLimits(resp.Header, time.Now())
		if resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "" {
			drain(resp.Body)
			next, err := c.follow(ctx, req, resp)
			if err != nil || !may(next.URL) {
				return nil, t, limits, &Error{
					Op: k.op, Status: resp.StatusCode, Code: CodeBadResponse,
					Detail: "X sent us on to an address that is not safe", Message: sentence(CodeBadResponse, limits), Limits: limits,
				}
			}
			req = next
			continue
		}
		return resp, t, limits, nil
	}
	return nil, nil, Limits{}, &Error{Op: k.op, Code: CodeBadResponse, Detail: "X sent us on too often", Message: sentence(CodeBadResponse, Limits{})}
}

func (c *Client) follow(ctx context.Context, from *http.Request, resp *http.Response) (*http.Request, error) {
	to, err := from.URL.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	// https stays https; only a fake without it may send on without it.
	if to.Scheme != "https" && to.Scheme != from.URL.Scheme || to.User != nil || to.Host == "" {
		return nil, http.ErrNotSupported
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set("Accept", "*/*")
	if to.Host == from.URL.Host && to.Scheme == from.URL.Scheme && from.Header.Get("Authorization") != "" {
		req.Header.Set("Authorization", from.Header.Get("Authorization"))
	}
	return req, nil
}

func (c *Client) file(ctx context.Context, k *call, t *tracker, resp *http.Response, limits Limits, limit int64) (*File, error) {
	defer drain(resp.Body)
	if resp.StatusCode >= 300 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody)) // the status alone says enough
		return nil, c.refused(k, resp.StatusCode, body, limits)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, c.lost(ctx, k, t, err)
	}
	if int64(len(data)) > limit {
		return nil, &Error{
			Op: k.op, Status: resp.StatusCode, Code: CodeBadMedia, Detail: "the attachment is over the limit",
			Message: "The attachment is bigger than the limit that is set here. Open it on x.com.", Limits: limits,
		}
	}
	return &File{Type: resp.Header.Get("Content-Type"), Data: data}, nil
}
