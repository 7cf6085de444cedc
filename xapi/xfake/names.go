package xfake

import (
	"slices"
	"time"
)

// Emit says which generation of field names answers use.
type Emit int

// The generations: X renamed tweet to post in August 2026 in its published
// specification only.
const (
	EmitOld Emit = iota
	EmitNew
	EmitBoth
)

// FieldNames says how far the renaming of 2026-08-07 has come.
type FieldNames struct {
	// AcceptPost accepts post.fields beside tweet.fields.
	AcceptPost bool
	// Emit chooses the names in answers.
	Emit Emit
}

// SetFieldNames switches between old and new field names.
func (s *Server) SetFieldNames(n FieldNames) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = n
}

// Lag is how long a new post stays invisible.
type Lag struct {
	// Timeline hides it from timelines, mentions and lookups.
	Timeline time.Duration
	// Reply makes answers to it fail with X's 385.
	Reply time.Duration
}

// SetLag sets how far reads run behind writes.
func (s *Server) SetLag(l Lag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = l
}

// put writes v under the old name, the new one, or both.
func (s *Server) put(m map[string]any, old, renamed string, v any) {
	if s.names.Emit != EmitNew {
		m[old] = v
	}
	if s.names.Emit != EmitOld {
		m[renamed] = v
	}
}

func (s *Server) allowedQuery(q []string) []string {
	if s.names.AcceptPost && slices.Contains(q, "tweet.fields") {
		return append(slices.Clone(q), "post.fields")
	}
	return q
}

// enum returns the values a list parameter may hold, or nil when it is no list.
func (s *Server) enum(param string) []string {
	switch param {
	case "tweet.fields":
		return tweetFields()
	case "post.fields":
		return append(tweetFields(), "edit_history_post_ids", "referenced_posts", "note_post")
	case "user.fields":
		return []string{
			"affiliation", "confirmed_email", "connection_status", "created_at", "description", "entities", "id", "is_identity_verified",
			"location", "most_recent_tweet_id", "name", "parody", "pinned_tweet_id", "profile_banner_url", "profile_image_url", "protected",
			"public_metrics", "receives_your_dm", "subscription", "subscription_type", "url", "username", "verified",
			"verified_followers_count", "verified_type", "withheld",
		}
	case "dm_event.fields":
		return []string{
			"attachments", "created_at", "dm_conversation_id", "entities", "event_type", "id", "participant_ids", "referenced_tweets",
			"sender_id", "text",
		}
	case "media.fields":
		return []string{
			"alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "organic_metrics", "preview_image_url",
			"promoted_metrics", "public_metrics", "type", "url", "variants", "width",
		}
	case "expansions":
		return []string{
			"article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
			"attachments.poll_ids", "author_id", "edit_history_tweet_ids", "entities.mentions.username", "geo.place_id",
			"in_reply_to_user_id", "entities.note.mentions.username", "referenced_tweets.id",
			"referenced_tweets.id.attachments.media_keys", "referenced_tweets.id.author_id", "participant_ids", "sender_id",
			"affiliation.user_id", "most_recent_tweet_id", "pinned_tweet_id",
		}
	case "event_types":
		return []string{"MessageCreate", "ParticipantsJoin", "ParticipantsLeave"}
	case "exclude":
		return []string{"replies", "retweets"}
	default:
		return nil
	}
}

func tweetFields() []string {
	return []string{
		"article", "attachments", "author_id", "card_uri", "community_id", "context_annotations", "conversation_id", "created_at",
		"display_text_range", "edit_controls", "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang",
		"matched_media_notes", "media_metadata", "non_public_metrics", "note_request_suggestions", "note_tweet", "organic_metrics",
		"paid_partnership", "possibly_sensitive", "promoted_metrics", "public_metrics", "referenced_tweets", "reply_settings", "scopes",
		"source", "suggested_source_links", "suggested_source_links_with_counts", "text", "withheld",
	}
}
