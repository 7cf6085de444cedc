package xapi

import (
	"encoding/json"
)

// wireMessage is a direct message event in the form that both the X Activity
// API and the Account Activity API deliver.
type wireMessage struct {
	Type      string `json:"type"`
	ID        id     `json:"id"`
	IDStr     id     `json:"id_str"`
	CreatedAt stamp  `json:"created_timestamp"`
	Create    *struct {
		Target struct {
			Recipient id `json:"recipient_id"`
		} `json:"target"`
		Sender id `json:"sender_id"`
		Data   struct {
			Text       string       `json:"text"`
			Entities   wireEntities `json:"entities"`
			Attachment *struct {
				Type  string      `json:"type"`
				Media wireV1Media `json:"media"`
			} `json:"attachment"`
		} `json:"message_data"`
	} `json:"message_create"`
}

// wireV1Media is media as X's first API writes it.
type wireV1Media struct {
	ID        id     `json:"id"`
	IDStr     id     `json:"id_str"`
	Key       string `json:"media_key"`
	URL       string `json:"url"` // the t.co link in the text
	MediaURL  string `json:"media_url"`
	HTTPS     string `json:"media_url_https"`
	Type      string `json:"type"`
	AltText   string `json:"ext_alt_text"`
	VideoInfo *struct {
		Variants []wireVariant `json:"variants"`
	} `json:"video_info"`
}

func (w wireV1Media) attachment() Attachment {
	a := Attachment{Key: orElse(w.Key, firstID(w.IDStr, w.ID)), Type: w.Type, URL: orElse(w.HTTPS, w.MediaURL), AltText: w.AltText}
	if w.VideoInfo != nil {
		if video := bestVideo(w.VideoInfo.Variants); video != "" {
			a.PreviewURL, a.URL = a.URL, video
		}
	}
	return a
}

// directMessages makes an event of every message of a list. kind is what the
// delivery says they are; who wrote them counts more, if the account is known.
func directMessages(raw json.RawMessage, base Event, kind Kind) []Event {
	var list []json.RawMessage
	if !lenient(raw, &list) {
		return nil
	}
	var events []Event
	for _, one := range list {
		e := base
		var w wireMessage
		if !lenient(one, &w) || firstID(w.IDStr, w.ID) == "" || w.Create == nil {
			e.Kind, e.Raw = Unknown, one
			e.ID = firstID(w.IDStr, w.ID)
			events = append(events, e)
			continue
		}
		dm := w.event()
		e.Kind, e.ID, e.UserID, e.At, e.DM = kind, dm.ID, dm.SenderID, dm.CreatedAt, &dm
		if e.Account != "" && dm.SenderID != "" {
			e.Kind = DMReceived
			if dm.SenderID == e.Account {
				e.Kind = DMSent
			}
		}
		if e.Account == "" {
			e.Account = dm.RecipientID
			if e.Kind == DMSent {
				e.Account = dm.SenderID
			}
		}
		events = append(events, e)
	}
	return events
}

func (w wireMessage) event() DMEvent {
	e := DMEvent{
		ID: firstID(w.IDStr, w.ID), Type: "MessageCreate", CreatedAt: w.CreatedAt.Time,
		SenderID: string(w.Create.Sender), RecipientID: string(w.Create.Target.Recipient),
	}
	if e.SenderID != "" && e.RecipientID != "" {
		e.ConversationID = ConversationOf(e.SenderID, e.RecipientID) // X tells none
	}
	data := w.Create.Data
	entities := data.Entities
	if data.Attachment != nil {
		e.Media = append(e.Media, data.Attachment.Media.attachment())
		entities.Media = append(entities.Media, data.Attachment.Media)
	}
	for _, u := range entities.URLs {
		if post := postID(u.Expanded); post != "" {
			e.Shared = append(e.Shared, post)
		}
	}
	e.Text = readable(data.Text, entities, len(e.Media) > 0)
	e.Links = entities.links()
	return e
}
