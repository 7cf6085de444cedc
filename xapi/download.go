package xapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Download is a file that X sends. Whoever has it closes Body.
type Download struct {
	Type string // as X says
	Size int64  // in bytes, -1 if X does not say
	Body io.ReadCloser
}

const opDownload = "download media"

// OpenMedia begins to download the file of an attachment from where X says
// that it is: with the token, from X's API, if it is one of a direct message;
// without it, from X's own hosts, if it is public. No other host is asked. How
// long it may take is for ctx to say.
func (c *Client) OpenMedia(ctx context.Context, access, address string) (*Download, Limits, error) {
	eventID, mediaID, resource, private := DMMediaRef(address)
	if !private {
		return c.openPublic(ctx, address)
	}
	path := "/2/dm_conversations/media/" + eventID + "/" + mediaID + "/"
	d, l, err := c.openPrivate(ctx, access, path+resource)
	var e *Error
	if i := strings.LastIndexByte(resource, '.'); errors.As(err, &e) && e.Code == CodeNotFound && i > 0 {
		return c.openPrivate(ctx, access, path+resource[:i]) // see DMMedia
	}
	return d, l, err
}

func (c *Client) openPrivate(ctx context.Context, access, path string) (*Download, Limits, error) {
	k := &call{op: opDownload, method: http.MethodGet, path: path, bearer: access}
	req, err := c.request(ctx, k)
	if err != nil {
		return nil, Limits{}, err
	}
	return c.opened(ctx, k, req, func(*url.URL) bool { return true })
}

func (c *Client) openPublic(ctx context.Context, address string) (*Download, Limits, error) {
	u, err := url.Parse(address)
	if err != nil || !c.ofX(u) {
		return nil, Limits{}, &Error{Op: opDownload, Code: CodeBadResponse, Detail: "the address is not one of X's", Message: sentence(CodeBadResponse, Limits{})}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, Limits{}, invalid(opDownload, "the address cannot be used")
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	return c.opened(ctx, &call{op: opDownload, method: http.MethodGet}, req, c.ofX)
}

// ofX reports whether an address is one at which X keeps public files. The
// API's own host counts, for a stand-in has only that.
func (c *Client) ofX(u *url.URL) bool {
	if u.User != nil {
		return false
	}
	if u.Scheme == "https" && u.Port() == "" && strings.HasSuffix(u.Hostname(), ".twimg.com") {
		return true
	}
	api, err := url.Parse(c.cfg.APIBase)
	return err == nil && u.Host != "" && u.Scheme == api.Scheme && u.Host == api.Host
}

func (c *Client) opened(ctx context.Context, k *call, req *http.Request, may func(*url.URL) bool) (*Download, Limits, error) {
	patient := *c.http // its timeout would count the body too
	patient.Timeout = 0
	resp, _, limits, err := c.fetch(ctx, k, req, &patient, may) //nolint:bodyclose // whoever has the download closes it
	if err != nil {
		return nil, limits, err
	}
	if resp.StatusCode >= 300 {
		defer drain(resp.Body)
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody)) // the status alone says enough
		return nil, limits, c.refused(k, resp.StatusCode, body, limits)
	}
	return &Download{Type: resp.Header.Get("Content-Type"), Size: resp.ContentLength, Body: resp.Body}, limits, nil
}
