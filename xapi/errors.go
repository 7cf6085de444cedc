package xapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Code says what went wrong in one word that programs compare.
type Code string

// What X refuses, from https://docs.x.com/x-api/fundamentals/response-codes-and-errors and what was seen of it.
const (
	CodeDuplicate       Code = "duplicate"         // the account already posted this text
	CodeReplyNotAllowed Code = "reply_not_allowed" // the author did not mention us
	CodeReplyNotVisible Code = "reply_not_visible" // the parent is gone, or not there yet
	CodeQuoteNotAllowed Code = "quote_not_allowed"
	CodeTooLong         Code = "too_long"
	CodeCashtags        Code = "cashtags"
	CodeBadURL          Code = "bad_url"
	CodeBadMedia        Code = "bad_media"
	CodeVideoTooLong    Code = "video_too_long"
	CodeDMForbidden     Code = "dm_forbidden"  // the recipient's settings
	CodeDMRestricted    Code = "dm_restricted" // the sender is limited
	CodeForbidden       Code = "forbidden"
	CodeSuspended       Code = "suspended"
	CodeLocked          Code = "locked"

	CodeUnauthorized    Code = "unauthorized"     // access token expired or revoked
	CodeInvalidGrant    Code = "invalid_grant"    // refresh token spent or revoked
	CodeInvalidCode     Code = "invalid_code"     // authorization code spent or older than 30 s
	CodeInvalidClient   Code = "invalid_client"   // the app's own keys
	CodeUnsupportedAuth Code = "unsupported_auth" // wrong kind of token
	CodeNotEnrolled     Code = "not_enrolled"

	CodeNoCredits   Code = "no_credits"
	CodeUsageCap    Code = "usage_cap"
	CodeRateLimited Code = "rate_limited"

	CodeNotFound       Code = "not_found"
	CodeInvalidRequest Code = "invalid_request"

	CodeCRCFailed        Code = "crc_failed"
	CodeBadWebhookURL    Code = "bad_webhook_url"
	CodeDuplicateWebhook Code = "duplicate_webhook"
	CodeWebhookLimit     Code = "webhook_limit"
	CodeWebhookNotFound  Code = "webhook_not_found"

	CodeUploadUnavailable Code = "upload_unavailable" // the upload endpoint is away
	CodeProcessing        Code = "processing"         // X did not finish with the media in time

	CodeServer      Code = "server"       // 5xx, 408
	CodeNetwork     Code = "network"      // no answer
	CodeCanceled    Code = "canceled"     // our own context ended
	CodeBadResponse Code = "bad_response" // an answer that cannot be read
	CodeConfig      Code = "config"       // this client lacks a key
)

// Error is every failure of a call. It holds no token.
type Error struct {
	Op      string // "create post"
	Status  int    // 0: there was no answer
	Code    Code
	Title   string // X's own words
	Detail  string
	Type    string
	Message string // a sentence for people: what happened, and what to do next
	Limits  Limits

	// Uncertain: the call may have had its effect. It must not be sent again
	// before somebody looked. It outranks Temporary.
	Uncertain bool

	cause error
}

// Error returns the operation, the code and X's words.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	b.WriteString(string(e.Code))
	words := orElse(e.Detail, e.Title)
	if words == "" && e.cause != nil {
		words = e.cause.Error()
	}
	if words != "" {
		b.WriteString(": " + words)
	}
	if e.Uncertain {
		b.WriteString(" (may have had its effect)")
	}
	return b.String()
}

// Unwrap returns the error of the transport, if that was it.
func (e *Error) Unwrap() error { return e.cause }

// Temporary reports whether the same call may well succeed later with nobody
// doing anything in between.
func (e *Error) Temporary() bool {
	switch e.Code {
	case CodeRateLimited, CodeServer, CodeNetwork, CodeBadResponse, CodeReplyNotVisible,
		CodeUploadUnavailable, CodeProcessing:
		return true
	default:
		return false
	}
}

// statusCode is the code when X's words say nothing.
func statusCode(status int) Code {
	switch {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return CodeServer
	case status == http.StatusTooManyRequests, status == 420: // 420: the limit's number in X's first API
		return CodeRateLimited
	}
	switch status {
	case http.StatusUnauthorized:
		return CodeUnauthorized
	case http.StatusPaymentRequired:
		return CodeNoCredits
	case http.StatusForbidden:
		return CodeForbidden
	case http.StatusNotFound, http.StatusGone:
		return CodeNotFound
	}
	if status >= 400 {
		return CodeInvalidRequest
	}
	return CodeBadResponse // a redirect, or a 2xx that holds only errors
}

// sentence is what a person reads. It never shows X's own words, which are
// kept in Detail.
func sentence(code Code, l Limits) string {
	if code == CodeRateLimited {
		if at := l.Next(time.Now()); !at.IsZero() {
			return "X takes no more calls for this account before " + at.UTC().Format("15:04 MST") + ". It will go then; nothing is lost."
		}
		return "X takes no more calls for this account for now. It will go in some minutes; nothing is lost."
	}
	if s, ok := sentences()[code]; ok {
		return s
	}
	return "X refused this. Look at the details, or try again."
}

func sentences() map[Code]string {
	return map[Code]string{
		CodeDuplicate:         "X refused the post because this account already made one with the same words. Change the text and send it again.",
		CodeReplyNotAllowed:   "X allows a reply by app only if the author mentioned this account. Reply on x.com instead.",
		CodeReplyNotVisible:   "The post to reply to can't be seen: it was deleted, or is too new. Try again, or post without replying.",
		CodeQuoteNotAllowed:   "X does not allow apps to quote this post. Put a link to it on x.com instead.",
		CodeTooLong:           "The text is too long for X. Shorten it, or split it into a thread.",
		CodeCashtags:          "X allows one cashtag ($XYZ) in a post. Remove the others and send it again.",
		CodeBadURL:            "X does not accept a link in this text. Check the links and send it again.",
		CodeBadMedia:          "X does not accept the attached file here. Check its type and size and attach it again.",
		CodeVideoTooLong:      "The video is longer than X allows this account. Cut it to two minutes, or use a Premium account.",
		CodeDMForbidden:       "This person does not take direct messages from the account. Ask them to write first, or to open their messages.",
		CodeDMRestricted:      "X does not let the account send this direct message now. Look at the account's standing on x.com.",
		CodeForbidden:         "X does not permit this to the account. Check its standing on x.com and the permissions it gave, then try again.",
		CodeSuspended:         "The X account is suspended. Sign in at x.com to see why and to appeal.",
		CodeLocked:            "The X account is locked. Sign in at x.com and follow the steps there, then try again.",
		CodeUnauthorized:      "X no longer accepts this account's permission. Connect the account again.",
		CodeInvalidGrant:      "The permission for this account has ended or was taken back. Connect the account again.",
		CodeInvalidCode:       "The answer from X came too late or was used before. Start connecting the account again.",
		CodeInvalidClient:     "X does not accept the keys of this app. Check them in the X developer console, and the configuration.",
		CodeUnsupportedAuth:   "X wants another kind of key for this. Check the app's keys and permissions in the X developer console.",
		CodeNotEnrolled:       "The X app is not enrolled for this. Put it in a pay-per-use project, environment Production, in the X developer console.",
		CodeNoCredits:         "The X developer account has no credits left. Buy credits in the X developer console; what waits is sent then.",
		CodeUsageCap:          "The X developer account has reached its spending or usage cap. Raise it in the X developer console, or wait for the next period.",
		CodeNotFound:          "X does not know this any more: it was deleted, or the number is wrong. Check it on x.com.",
		CodeInvalidRequest:    "X did not understand this. Change it and try again, or report it with the details.",
		CodeCRCFailed:         "X called the webhook and got a wrong answer. Check the API key secret, and that the address reaches Perch from the internet.",
		CodeBadWebhookURL:     "X does not accept the webhook's address. It must be public, https, without a port, and at most 200 characters.",
		CodeDuplicateWebhook:  "This webhook is already registered at X. Use the one that is there.",
		CodeWebhookLimit:      "The X app already has all the webhooks it may have. Delete one first; staging and production need an app each.",
		CodeWebhookNotFound:   "X does not know this webhook. Register it again.",
		CodeUploadUnavailable: "X's upload service is away. It is tried again; nothing was posted.",
		CodeProcessing:        "X is still working on the file. Try again in some minutes.",
		CodeServer:            "X has trouble of its own. It is looked at again shortly.",
		CodeNetwork:           "X could not be reached, or did not answer. It is looked at again shortly.",
		CodeCanceled:          "It was stopped before X answered.",
		CodeBadResponse:       "X gave an answer that makes no sense. It is looked at again shortly.",
		CodeConfig:            "A key of the X app is missing in the configuration. Run perch doctor to see which.",
	}
}

// invalid is a call that was never sent, for its arguments can't be right.
func invalid(op, detail string) *Error {
	return &Error{Op: op, Code: CodeInvalidRequest, Detail: detail, Message: sentence(CodeInvalidRequest, Limits{})}
}

// missing is a call that was never sent, for the configuration lacks a key.
func missing(op, what string) *Error {
	return &Error{Op: op, Code: CodeConfig, Detail: what + " is not configured", Message: sentence(CodeConfig, Limits{})}
}
