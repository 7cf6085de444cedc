package slack

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// refusal turns an answer that is not ok into an error.
func refusal(method string, a answer) error {
	code := a.Error
	switch code {
	case "":
		return fmt.Errorf("slack: %s: the answer is neither ok nor an error", method)
	case "fatal_error", "internal_error":
		// Slack says of both that part of the call may have had its effect.
		return fmt.Errorf("slack: %s: %s", method, code)
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		if a.header == nil {
			return limited(nil)
		}
		return limited(a.header)
	}
	e := &bot.Error{Code: code, Message: sentence(code, a.Needed)}
	switch {
	case code == "missing_scope":
		e.Message = lacking(method, a.Needed, a.Provided)
	case code == "invalid_name" && strings.HasPrefix(method, "conversations."):
		e.Message = sentence("invalid_name_specials", "") // of an emoji otherwise
	}
	switch code {
	case "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited", "external_channel_migrating", "update_failed", "file_update_failed":
		e.Temporary = true
	}
	detail := method
	if d := a.detail(); d != "" {
		detail += ": " + d
	}
	if a.Needed != "" {
		detail += fmt.Sprintf(" (needs %s, has %s)", a.Needed, a.Provided)
	}
	e.Err = errors.New(detail)
	return e
}

// fatal reports whether trying again can't cure an error of the connection.
func fatal(err error) bool {
	e, ok := errors.AsType[*bot.Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "not_allowed_token_type", "missing_scope", "no_permission",
		"app_not_enabled", "socket_mode_not_enabled", "team_access_not_granted", "org_login_required", "ekm_access_denied", "two_factor_setup_required", "app_not_found":
		return true
	}
	return false
}

// code is Slack's word for an error, "" if it is none of Slack's.
func code(err error) string {
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return e.Code
	}
	return ""
}
