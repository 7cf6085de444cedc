package commands

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// spot is a place in a chat.
type spot struct {
	channel bot.ChannelRef
	thread  bot.MessageRef
	message bot.MessageRef // of the channel; may be the first of a thread
}

// incidentAt finds the incident that a place in a chat is about: the one that
// the channel was made for, or the thread's, or the only open one of the channel.
func (r *Router) incidentAt(tx store.Tx, at spot) (incident.Incident, bool, error) {
	if id, ok, err := r.roomOf(tx, at.channel); err != nil || ok {
		if err != nil {
			return incident.Incident{}, false, err
		}
		inc, err := r.Incidents.Get(tx, id)
		return inc, err == nil, err
	}
	for _, ref := range []bot.MessageRef{at.thread, at.message} {
		if ref == "" {
			continue
		}
		t, ok, err := threads.Find(tx, store.Key(string(ref)))
		if err != nil {
			return incident.Incident{}, false, err
		}
		if ok {
			inc, err := r.Incidents.Get(tx, t.Incident)
			return inc, err == nil, err
		}
	}
	open, err := r.openIncidents(tx)
	if err != nil {
		return incident.Incident{}, false, err
	}
	here := in(open, at.channel)
	if len(here) == 1 {
		return here[0], true, nil
	}
	return incident.Incident{}, false, nil
}

// openIncidents are those that people work on, the newest first.
func (r *Router) openIncidents(tx store.Tx) ([]incident.Incident, error) {
	open, _, err := r.Incidents.List(tx, incident.Filter{Open: true}, incident.Page{Size: incident.MaxPage})
	return open, err
}

// in are the incidents that are worked on in a channel.
func in(list []incident.Incident, ch bot.ChannelRef) []incident.Incident {
	var here []incident.Incident
	for _, i := range list {
		if i.Channel == string(ch) {
			here = append(here, i)
		}
	}
	return here
}
