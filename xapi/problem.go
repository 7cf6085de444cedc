package xapi

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDetail bounds how many bytes of X's words an error keeps.
const maxDetail = 4 << 10

// problem is an error body in any shape X uses: problem+json, the errors list
// of either generation, the bare {code, message}, and OAuth's.
type problem struct {
	Title   string    `json:"title"`
	Detail  string    `json:"detail"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Code    flexInt   `json:"code"`
	Message string    `json:"message"`
	Errors  []problem `json:"errors"`

	OAuthError       string `json:"error"`
	OAuthDescription string `json:"error_description"`
}

// flexInt is a number that may stand in quotes; anything else is zero.
type flexInt int

func (n *flexInt) UnmarshalJSON(b []byte) error {
	var v int
	if json.Unmarshal(bytes.Trim(b, `"`), &v) != nil {
		v = 0
	}
	*n = flexInt(v)
	return nil
}

// parseProblem reads what it can: a field of a wrong type costs that field only.
func parseProblem(body []byte) problem {
	var p problem
	if err := json.Unmarshal(body, &p); err != nil && !typeError(err) {
		return problem{Detail: plain(body)}
	}
	return p
}

// plain makes words of a body that is not JSON; a page of HTML has none.
func plain(body []byte) string {
	s := strings.TrimSpace(string(body))
	if strings.HasPrefix(s, "<") {
		return ""
	}
	return s
}

// words are what X says, without the parameters, which echo the caller's text.
func (p problem) words() (title, detail, typ string) {
	title, detail, typ = p.Title, p.Detail, p.Type
	if detail == "" {
		detail = orElse(p.Message, p.OAuthDescription)
	}
	for _, e := range p.Errors { // X goes no deeper
		t, d, y := e.Title, orElse(e.Detail, e.Message), e.Type
		if detail == "" || generic(detail) {
			detail = orElse(d, detail)
		}
		if title == "" {
			title = t
		}
		if typ == "" {
			typ = y
		}
	}
	if detail == "" {
		detail = p.OAuthError
	}
	return title, detail, typ
}

// generic words are replaced by those of the list beside them.
func generic(detail string) bool {
	return strings.HasPrefix(detail, "One or more parameters to your request was invalid")
}

// flat lists the problem and those below it.
func (p problem) flat() []problem { return append([]problem{p}, p.Errors...) }

// rule maps words of X's to a code; all of them must be there, in lower case.
type rule struct {
	code Code
	has  []string
}

// rules are tried in order; the first that fits wins.
func rules() []rule {
	return []rule{
		{CodeSuspended, []string{"user-suspended"}},
		{CodeSuspended, []string{"account is suspended"}},
		{CodeLocked, []string{"account is temporarily locked"}},
		{CodeDuplicate, []string{"duplicate content"}},
		{CodeDuplicate, []string{"status is a duplicate"}},
		{CodeReplyNotVisible, []string{"reply to a", "deleted or not visible"}},
		{CodeQuoteNotAllowed, []string{"quoting this", "not allowed"}},
		{CodeReplyNotAllowed, []string{"reply to this conversation is not allowed"}},
		{CodeReplyNotAllowed, []string{"only reply to or quote"}},
		{CodeReplyNotAllowed, []string{"restricted who can reply"}},
		{CodeCashtags, []string{"one cashtag"}},
		{CodeTooLong, []string{"text is too long"}},
		{CodeTooLong, []string{"over the max limit"}},
		{CodeVideoTooLong, []string{"not allowed to post a video longer"}},
		{CodeBadMedia, []string{"media ids are invalid"}},
		{CodeBadMedia, []string{"invalid media id"}},
		{CodeBadMedia, []string{"attach this media"}},
		{CodeBadMedia, []string{"media type unrecognized"}},
		{CodeBadMedia, []string{"unsupported media"}},
		{CodeBadURL, []string{"contains an invalid url"}},
		{CodeDMForbidden, []string{"permission to dm"}},
		{CodeDMForbidden, []string{"cannot send messages to this user"}},
		{CodeDMRestricted, []string{"this operation is not permitted"}},
		{CodeNotEnrolled, []string{"client-not-enrolled"}},
		{CodeNotEnrolled, []string{"user-not-enrolled"}},
		{CodeNotEnrolled, []string{"official-client-forbidden"}},
		{CodeNoCredits, []string{"creditsdepleted"}},
		{CodeNoCredits, []string{"does not have any credits"}},
		{CodeUsageCap, []string{"usagecapexceeded"}},
		{CodeUsageCap, []string{"usage cap exceeded"}},
		{CodeUsageCap, []string{"spending limit"}},
		{CodeUsageCap, []string{"spend cap"}},
		{CodeCRCFailed, []string{"crcvalidationfailed"}},
		{CodeBadWebhookURL, []string{"urlvalidationfailed"}},
		{CodeDuplicateWebhook, []string{"duplicateurlfailed"}},
		{CodeWebhookLimit, []string{"webhooklimitexceeded"}},
		{CodeWebhookNotFound, []string{"webhookidinvalid"}},
		{CodeRateLimited, []string{"rate limit exceeded"}},
	}
}

// segments maps the last part of a problem's type. The host before it is
// api.twitter.com or api.x.com, as it comes.
func segments() map[string]Code {
	return map[string]Code{
		"credits":                    CodeNoCredits,
		"usage-capped":               CodeUsageCap,
		"rate-limit-exceeded":        CodeRateLimited,
		"unsupported-authentication": CodeUnsupportedAuth,
		"client-forbidden":           CodeNotEnrolled,
		"user-suspended":             CodeSuspended,
		"resource-not-found":         CodeNotFound,
		"resource-unavailable":       CodeNotFound,
		"invalid-request":            CodeInvalidRequest,
	}
}

// numbers maps the error numbers of X's first API, which still appear.
func numbers() map[flexInt]Code {
	return map[flexInt]Code{
		32: CodeUnauthorized, 89: CodeUnauthorized, 88: CodeRateLimited, 185: CodeUsageCap,
		34: CodeNotFound, 50: CodeNotFound, 144: CodeNotFound,
		63: CodeSuspended, 64: CodeSuspended, 326: CodeLocked,
		150: CodeDMForbidden, 349: CodeDMForbidden, 354: CodeTooLong,
		186: CodeTooLong, 187: CodeDuplicate, 324: CodeBadMedia, 325: CodeBadMedia,
		385: CodeReplyNotVisible, 433: CodeReplyNotAllowed,
	}
}

// classify finds the code: X's words first, then the type, the number, the status.
func classify(status int, p problem) Code {
	if status >= 500 {
		return CodeServer
	}
	all := p.flat()
	known, numbered := segments(), numbers()
	for _, r := range rules() {
		if slices.ContainsFunc(all, r.fits) {
			return r.code
		}
	}
	for _, q := range all {
		if c, ok := known[lastSegment(q.Type)]; ok {
			return c
		}
	}
	for _, q := range all {
		if c, ok := numbered[q.Code]; ok {
			return c
		}
	}
	return statusCode(status)
}

func (r rule) fits(p problem) bool {
	s := strings.ToLower(strings.Join([]string{p.Title, p.Detail, p.Message, p.Reason, p.Type}, "\n"))
	for _, h := range r.has {
		if !strings.Contains(s, h) {
			return false
		}
	}
	return true
}

func lastSegment(typ string) string {
	if typ == "" || typ == "about:blank" {
		return ""
	}
	return path.Base(strings.TrimRight(typ, "/"))
}

// clip cuts to n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\uFFFD") + "…"
}
