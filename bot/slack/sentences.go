package slack

import (
	"fmt"
	"strings"
)

// lacking says which right a call needs, which ones the app has, and what to
// do. Slack names several where any one of them will do.
func lacking(method, needed, provided string) string {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	}
	s := sentence("missing_scope", strings.Join(split(needed), " or "))
	if needed == "" {
		s = fmt.Sprintf("The Slack app lacks a scope for %s. Compare its scopes with the manifest's and install it again.", method)
	}
	if p := split(provided); len(p) > 0 {
		s += " It has: " + strings.Join(p, ", ") + "."
	}
	return s
}

// sentence says what a refusal means and what to do next. The codes are those
// that Slack declares for the methods in use. See https://docs.slack.dev/reference/methods
func sentence(code, needed string) string {
	switch code {
	case "missing_scope", "no_permission":
		if needed != "" {
			return fmt.Sprintf("The Slack app lacks the scope %s. Add the scope %s to the app and install it again.", needed, needed)
		}
		return "The Slack app lacks a scope for this. Compare it with the manifest and install the app again."
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "org_login_required", "two_factor_setup_required":
		return "Slack does not accept Perch's token any more. Install the app again and put the new token into the configuration."
	case "not_allowed_token_type":
		return "This is the wrong kind of token. The bot token begins with xoxb-, the app token with xapp-."
	case "access_denied", "team_access_not_granted", "no_access":
		return "Slack does not let Perch do this here. Ask an admin of the workspace."
	case "service_unavailable", "request_timeout", "accesslimited", "team_added_to_org", "external_channel_migrating", "update_failed", "file_update_failed":
		return "Slack is not available at the moment. Perch tries again by itself."
	}
	for _, about := range []func(string) string{ofChannel, ofPerson, ofMessage, ofView, ofFile, ofSettings} {
		if s := about(code); s != "" {
			return s
		}
	}
	return fmt.Sprintf("Slack refused this (%s).", code)
}

func ofChannel(code string) string {
	switch code {
	case "channel_not_found", "invalid_channel", "no_channel", "channel_is_limited_access", "team_not_found":
		return "Perch can't see this channel. If it is private, invite Perch to it."
	case "not_in_channel":
		return "Perch is not in this channel. Invite it, then retry."
	case "is_archived", "is_inactive":
		return "This channel is archived. Unarchive it or choose another."
	case "name_taken":
		return "There is a channel of this name that Perch can't see. Invite Perch to it or choose another name."
	case "invalid_name_specials", "invalid_name_punctuation", "invalid_name_maxlength", "invalid_name_required":
		return "This is no name for a channel in Slack."
	case "cant_archive_general", "cant_archive_required":
		return "Slack doesn't let anybody archive this channel, because everybody belongs to it."
	case "method_not_supported_for_channel_type", "app_cannot_join_channel":
		return "Slack can't do this in a conversation of this kind. Choose a channel."
	case "too_many_members":
		return "The channel has as many members as Slack allows."
	case "too_long":
		return "The channel's description is too long for Slack."
	}
	return ""
}

func ofPerson(code string) string {
	switch code {
	case "user_not_found", "users_not_found", "user_not_visible", "cannot_dm_bot", "user_disabled", "invalid_user_combination":
		return "Perch can't see this person in Slack."
	case "user_not_in_channel":
		return "This person is not in the channel."
	case "already_in_channel":
		return "They are in the channel already."
	case "cant_invite", "invitee_cant_see_channel", "org_user_not_in_team", "user_is_restricted", "ura_max_channels", "no_user", "cant_invite_self":
		return "Slack doesn't let them into this channel. Ask an admin of the workspace to invite them."
	case "no_external_invite_permission":
		return "They belong to another company. Ask an admin of the workspace to invite them."
	case "no_such_subteam", "subteam_disabled":
		return "There is no such user group in Slack. Write its ID, which begins with S, and see to it that the group is not disabled."
	case "plan_upgrade_required", "paid_teams_only":
		return "This workspace's plan has no user groups. Use /duty on and /duty off instead."
	}
	return ""
}

func ofMessage(code string) string {
	switch code {
	case "thread_not_found":
		return "The thread to answer in does not exist any more."
	case "message_not_found", "no_item_specified", "bad_timestamp", "invalid_thread_ts":
		return "The message does not exist any more."
	case "cant_update_message", "cant_delete_message", "compliance_exports_prevent_deletion":
		return "Slack lets Perch change its own messages only."
	case "edit_window_closed":
		return "This workspace does not allow to change messages that are so old."
	case "cannot_reply_to_message", "restricted_action_thread_locked", "thread_locked":
		return "Slack takes no answers in this thread. Write in the channel instead."
	case "streaming_state_conflict":
		return "Slack is still busy with this message. Retry in a moment."
	case "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_blocks_too_long", "block_mismatch", "invalid_metadata_format",
		"invalid_metadata_schema", "metadata_too_large", "too_many_attachments", "attachment_payload_limit_exceeded", "invalid_arguments":
		return "Slack does not accept the message's form. The log has the reason."
	case "msg_too_long":
		return "The message is too long for Slack."
	case "no_text":
		return "The message is empty."
	case "invalid_name", "no_reaction":
		return "Slack knows no such emoji."
	case "already_reacted", "not_reactable":
		return "Slack takes no such reaction on this message."
	case "too_many_emoji", "too_many_reactions":
		return "The message has as many reactions as Slack allows."
	case "not_pinnable":
		return "Slack can't pin a message of this kind."
	case "too_many_pins":
		return "The channel has as many pins as Slack allows. Take one away, then retry."
	case "already_pinned", "no_pin", "not_pinned":
		return "The message's pin is as it should be."
	case "messages_tab_disabled":
		return "The app's Messages tab is off. Turn it on in the app's settings, under App Home."
	}
	return ""
}

func ofView(code string) string {
	switch code {
	case "expired_trigger_id", "exchanged_trigger_id", "trigger_expired", "trigger_exchanged", "invalid_trigger_id", "invalid_trigger":
		return "The form could not be opened in time. Press the button again."
	case "view_too_large", "push_limit_reached", "duplicate_external_id":
		return "Slack does not accept the form. The log has the reason."
	case "not_found":
		return "The form was closed. Open it again."
	case "hash_conflict":
		return "What was on the screen has changed meanwhile. Retry."
	case "not_enabled", "not_implemented":
		return "The app's Home tab is off. Turn it on in the app's settings, under App Home."
	}
	return ""
}

func ofFile(code string) string {
	switch code {
	case "file_not_found", "file_deleted":
		return "The file does not exist any more. Attach it again."
	case "file_not_shared", "not_visible":
		return "Perch can't see this file. Attach it in a channel that Perch is in."
	case "file_uploads_disabled", "slack_connect_file_link_sharing_blocked":
		return "This workspace takes no files from apps. Ask an admin of the workspace."
	case "file_upload_size_restricted", "snippet_too_large":
		return "The file is larger than this workspace allows."
	case "storage_limit_reached":
		return "This workspace has no room for files any more. Delete some, or ask an admin."
	case "alt_txt_too_large":
		return "The picture's description is too long for Slack."
	case "cant_delete_file", "delete_not_allowed", "file_deleting_disabled":
		return "Slack doesn't let Perch delete this file. Delete it yourself."
	case "missing_file_data", "missing_argument":
		return "The file is empty or broken. Attach it again."
	}
	return ""
}

func ofSettings(code string) string {
	switch code {
	case "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "restricted_action_non_threadable_channel",
		"not_allowed", "cannot_create_channel", "posting_to_general_channel_denied", "posting_to_channel_denied", "ekm_access_denied":
		return "A setting of this workspace does not allow it. Ask an admin of the workspace."
	}
	return ""
}
