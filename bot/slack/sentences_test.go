package slack

import (
	"errors"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// The errors that Slack declares for the methods in use, those left out that
// nothing Perch sends can cause (as_user, canvases, lists, markdown_text,
// cursors of its own). From docs.slack.dev, August 2026.
func TestEveryDeclaredErrorHasASentence(t *testing.T) {
	for method, codes := range map[string]string{
		"auth.test":                    "access_denied account_inactive ekm_access_denied invalid_auth not_allowed_token_type not_authed org_login_required team_access_not_granted token_expired token_revoked two_factor_setup_required missing_scope no_permission accesslimited ratelimited request_timeout service_unavailable team_added_to_org",
		"chat.postMessage":             "attachment_payload_limit_exceeded cannot_reply_to_message channel_not_found ekm_access_denied invalid_blocks invalid_blocks_format invalid_metadata_format invalid_metadata_schema is_archived message_limit_exceeded messages_tab_disabled metadata_too_large msg_blocks_too_long no_text not_in_channel rate_limited restricted_action restricted_action_non_threadable_channel restricted_action_read_only_channel restricted_action_thread_locked restricted_action_thread_only_channel team_not_found too_many_attachments",
		"chat.postEphemeral":           "user_not_in_channel msg_too_long invalid_attachments",
		"chat.update":                  "block_mismatch cant_update_message edit_window_closed external_channel_migrating is_inactive message_not_found streaming_state_conflict update_failed",
		"chat.delete":                  "cant_delete_message compliance_exports_prevent_deletion message_not_found",
		"reactions.add":                "already_reacted bad_timestamp invalid_name no_access no_item_specified not_reactable thread_locked too_many_emoji too_many_reactions",
		"reactions.remove":             "no_reaction",
		"pins.add":                     "already_pinned bad_timestamp file_not_found file_not_shared message_not_found no_item_specified not_in_channel not_pinnable restricted_action too_many_pins",
		"pins.remove":                  "no_pin not_pinned",
		"conversations.create":         "cannot_create_channel invalid_name invalid_name_maxlength invalid_name_punctuation invalid_name_required invalid_name_specials missing_argument name_taken no_channel restricted_action",
		"conversations.join":           "channel_is_limited_access is_archived method_not_supported_for_channel_type too_many_members",
		"conversations.setPurpose":     "too_long user_is_restricted",
		"conversations.setTopic":       "too_long user_is_restricted",
		"conversations.invite":         "already_in_channel cant_invite cant_invite_self invitee_cant_see_channel org_user_not_in_team no_permission no_external_invite_permission no_user ura_max_channels user_is_restricted user_not_found external_channel_migrating",
		"conversations.archive":        "cant_archive_general cant_archive_required already_in_channel restricted_action",
		"conversations.open":           "app_cannot_join_channel invalid_user_combination user_disabled user_not_visible",
		"conversations.replies":        "thread_not_found",
		"files.getUploadURLExternal":   "alt_txt_too_large file_upload_size_restricted file_uploads_disabled missing_argument snippet_too_large storage_limit_reached",
		"files.completeUploadExternal": "access_denied channel_not_found file_not_found file_update_failed invalid_blocks invalid_channel not_in_channel posting_to_channel_denied",
		"files.info":                   "access_denied file_deleted file_not_found not_visible slack_connect_file_link_sharing_blocked",
		"files.delete":                 "cant_delete_file delete_not_allowed file_deleted file_deleting_disabled file_not_found",
		"usergroups.users.list":        "no_such_subteam plan_upgrade_required",
		"users.info":                   "user_not_found user_not_visible",
		"views.open":                   "duplicate_external_id exchanged_trigger_id expired_trigger_id invalid_trigger_id view_too_large invalid_arguments",
		"views.update":                 "hash_conflict not_found",
		"views.publish":                "hash_conflict not_enabled not_implemented view_too_large",
	} {
		for code := range strings.FieldsSeq(codes) {
			e, ok := errors.AsType[*bot.Error](refusal(method, answer{Error: code}))
			switch {
			case !ok:
				t.Errorf("%s: %s is no definite error", method, code)
			case e.Message == "" || strings.Contains(e.Message, code):
				t.Errorf("%s: %s says only %q", method, code, e.Message)
			}
		}
	}
}

func TestAMissingScopeIsNamed(t *testing.T) {
	for _, tt := range []struct{ needed, provided, want string }{
		{"pins:write", "chat:write,commands", "The Slack app lacks the scope pins:write. Add the scope pins:write to the app and install it again. It has: chat:write, commands."},
		{"channels:manage,groups:write", "", "The Slack app lacks the scope channels:manage or groups:write. Add the scope channels:manage or groups:write to the app and install it again."},
		{"", "chat:write", "The Slack app lacks a scope for pins.add. Compare its scopes with the manifest's and install it again. It has: chat:write."},
	} {
		e, ok := errors.AsType[*bot.Error](refusal("pins.add", answer{Error: "missing_scope", Needed: tt.needed, Provided: tt.provided}))
		if !ok || e.Code != "missing_scope" || e.Message != tt.want || e.Temporary {
			t.Errorf("needs %q: %+v, want %q", tt.needed, e, tt.want)
		}
	}
}
