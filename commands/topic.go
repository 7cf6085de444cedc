package commands

import (
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// topicSoon is how long changes of an incident are gathered: chats tell a
// channel of each change of its topic.
const topicSoon = 2 * time.Second

// topicOf is what stands at the head of an incident's own channel.
func (r *Router) topicOf(inc incident.Incident) string {
	return sign(inc) + " " + statusWord(inc.Status) + " · " + severityWord(inc.Severity) + " · " + inc.Name() + ": " + clipLine(oneLine(inc.Title), 100) + " · " + r.Incidents.URL(inc)
}

// topic keeps what stands there current. It stores m.
func (r *Router) topic(tx store.Tx, inc incident.Incident, m room) error {
	topic := r.topicOf(inc)
	if m.Channel == "" || m.Topic == topic {
		return nil
	}
	m.Topic = topic
	if err := rooms.Put(tx, m); err != nil {
		return err
	}
	slot := "room-topic:" + inc.ID
	return r.add(tx, outbox.Action{
		Kind: bot.KindTopic, Key: "commands:topic:" + id.New(), Order: slot, Slot: slot, NotBefore: time.Now().Add(topicSoon), Brief: true,
	}, bot.Topic{Channel: bot.ChannelRef(m.Channel), Topic: topic})
}
