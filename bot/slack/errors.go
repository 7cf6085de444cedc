package slack

import (
	"errors"
	"fmt"

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
	switch code {
	case "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited":
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

// sentence says what a refusal means and what to do next.
func sentence(code, needed string) string {
	switch code {
	case "missing_scope", "no_permission":
		if needed != "" {
			return fmt.Sprintf("The Slack app lacks the scope %s. Add it to the app (the manifest has it) and install the app again.", needed)
		}
		return "The Slack app lacks a scope for this. Compare it with the manifest and install the app again."
	case "channel_not_found":
		return "Perch can't see this channel. If it is private, invite Perch to it."
	case "not_in_channel":
		return "Perch is not in this channel. Invite it, then retry."
	case "is_archived":
		return "This channel is archived. Unarchive it or choose another."
	case "thread_not_found":
		return "The thread to answer in does not exist any more."
	case "message_not_found", "no_item_specified", "bad_timestamp":
		return "The message does not exist any more."
	case "cant_update_message", "cant_delete_message":
		return "Slack lets Perch change its own messages only."
	case "edit_window_closed":
		return "This workspace does not allow to change messages that are so old."
	case "user_not_found", "users_not_found", "user_not_visible", "cannot_dm_bot":
		return "Perch can't see this person in Slack."
	case "user_not_in_channel":
		return "This person is not in the channel."
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "org_login_required", "ekm_access_denied":
		return "Slack does not accept Perch's token any more. Install the app again and put the new token into the configuration."
	case "not_allowed_token_type":
		return "This is the wrong kind of token. The bot token begins with xoxb-, the app token with xapp-."
	case "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_blocks_too_long", "block_mismatch":
		return "Slack does not accept the message's form. The log has the reason."
	case "msg_too_long":
		return "The message is too long for Slack."
	case "no_text":
		return "The message is empty."
	case "expired_trigger_id", "exchanged_trigger_id", "trigger_expired", "trigger_exchanged", "invalid_trigger_id", "invalid_trigger":
		return "The form could not be opened in time. Press the button again."
	case "view_too_large", "invalid_arguments", "push_limit_reached":
		return "Slack does not accept the form. The log has the reason."
	case "invalid_name", "no_reaction":
		return "Slack knows no such emoji."
	case "too_many_emoji", "too_many_reactions":
		return "The message has as many reactions as Slack allows."
	case "name_taken":
		return "There is a channel of this name that Perch can't see. Invite Perch to it or choose another name."
	case "invalid_name_specials", "invalid_name_punctuation", "invalid_name_maxlength", "invalid_name_required":
		return "This is no name for a channel in Slack."
	case "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "restricted_action_non_threadable_channel", "not_allowed", "cannot_create_channel", "user_is_restricted", "posting_to_general_channel_denied":
		return "A setting of this workspace does not allow it. Ask an admin of the workspace."
	case "service_unavailable", "request_timeout", "accesslimited", "team_added_to_org":
		return "Slack is not available at the moment. Perch tries again by itself."
	}
	return fmt.Sprintf("Slack refused this (%s).", code)
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
