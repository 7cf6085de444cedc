package rcfake

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// drop deletes a message. Where the workspace shows that there was one, and of
// the first message of a thread, an empty one stays. The lock is held.
func (s *Server) drop(r *room, m *message, by obj) {
	r.changed = s.now()
	answered := slices.ContainsFunc(r.msgs, func(x *message) bool { return x.tmid == m.id })
	if show, _ := s.st.settings["Message_ShowDeletedStatus"].(bool); show || answered {
		m.t, m.msg, m.attachments, m.blocks, m.reactions = "rm", "", nil, nil, nil
		m.edited, m.editor = s.now(), by
		s.touched(r, m)
		return
	}
	r.msgs = slices.DeleteFunc(r.msgs, func(x *message) bool { return x == m })
	r.gone = append(r.gone, obj{"_id": m.id, "_deletedAt": stamp(s.now()), "tmid": m.tmid})
	s.notifyRoom(r, "deleteMessage", obj{"_id": m.id})
}

// goneSince are the messages of a thread, or of all of a room, that were
// deleted since a time. The lock is held.
func (r *room) goneSince(since time.Time, thread string) []any {
	out := []any{}
	for _, g := range r.gone {
		at, err := time.Parse(time.RFC3339, str(g, "_deletedAt"))
		if err == nil && at.After(since) && (thread == "" || str(g, "tmid") == thread) {
			out = append(out, obj{"_id": g["_id"], "_deletedAt": g["_deletedAt"]})
		}
	}
	return out
}

// syncMessages tells what changed in a room since a time, newest first, and what
// is gone.
func syncMessages(c *call) (obj, *failure) {
	r, f := c.room(c.q.Get("roomId"))
	if f != nil {
		return nil, f
	}
	if c.q.Get("type") != "" {
		return syncPage(c, r)
	}
	since, err := time.Parse(time.RFC3339, c.q.Get("lastUpdate"))
	if err != nil {
		return nil, meteor("error-lastUpdate-param-invalid", "The \"lastUpdate\" query parameter must be a valid date.")
	}
	updated := []any{}
	for _, m := range slices.Backward(r.msgs) {
		if m.updated.After(since) && !m.hidden {
			updated = append(updated, m.json(false))
		}
	}
	return obj{"result": obj{"updated": updated, "deleted": r.goneSince(since, "")}}, nil
}

// syncPage tells a page of what changed, or of what is gone, the oldest first.
func syncPage(c *call, r *room) (obj, *failure) {
	after, err := strconv.ParseInt(c.q.Get("next"), 10, 64)
	if err != nil || c.q.Get("lastUpdate") != "" {
		return nil, meteor("error-cursor-and-lastUpdate-conflict", "The attributes \"next\", \"previous\" and \"lastUpdate\" cannot be used together")
	}
	most, err := strconv.Atoi(c.q.Get("count"))
	if err != nil {
		most = 20
	}
	type change struct {
		at  int64
		obj obj
	}
	var all []change
	switch c.q.Get("type") {
	case "UPDATED":
		for _, m := range r.msgs {
			all = append(all, change{m.updated.UnixMilli(), m.json(false)})
		}
	case "DELETED":
		for _, g := range r.gone {
			at, _ := time.Parse(time.RFC3339, str(g, "_deletedAt")) // drop wrote it
			all = append(all, change{at.UnixMilli(), obj{"_id": g["_id"], "_deletedAt": g["_deletedAt"]}})
		}
	default:
		return nil, meteor("error-type-param-not-supported", "The \"type\" parameter must be either \"UPDATED\" or \"DELETED\"")
	}
	all = slices.DeleteFunc(all, func(x change) bool { return x.at <= after })
	slices.SortStableFunc(all, func(x, y change) int { return cmp.Compare(x.at, y.at) })
	var next any
	if len(all) > most {
		all = all[:most]
		next = strconv.FormatInt(all[most-1].at, 10)
	}
	out := obj{"updated": []any{}, "deleted": []any{}, "cursor": obj{"next": next, "previous": nil}}
	list := []any{}
	for _, x := range all {
		list = append(list, x.obj)
	}
	out[strings.ToLower(c.q.Get("type"))] = list
	return obj{"result": out}, nil
}

func threadMessages(c *call) (obj, *failure) {
	for _, r := range c.st.rooms {
		if r.find(c.q.Get("tmid")) == nil {
			continue
		}
		if !c.reads(r) {
			return nil, meteor("error-not-allowed", "Not Allowed")
		}
		out := []any{}
		for _, m := range r.msgs {
			if m.tmid == c.q.Get("tmid") {
				out = append(out, m.json(false))
			}
		}
		return page(c, "messages", out), nil
	}
	return nil, meteor("error-invalid-message", "Invalid Message")
}

// syncThread tells what changed in a thread since a time, and what is gone.
func syncThread(c *call) (obj, *failure) {
	since, err := time.Parse(time.RFC3339, c.q.Get("updatedSince"))
	if err != nil {
		return nil, meteor("error-updatedSince-param-invalid", "The \"updatedSince\" query parameter must be a valid date.")
	}
	for _, r := range c.st.rooms {
		if r.find(c.q.Get("tmid")) == nil {
			continue
		}
		if !c.reads(r) {
			return nil, meteor("error-not-allowed", "Not Allowed")
		}
		update := []any{}
		for _, m := range r.msgs {
			if m.tmid == c.q.Get("tmid") && m.updated.After(since) {
				update = append(update, m.json(false))
			}
		}
		return obj{"messages": obj{"update": update, "remove": r.goneSince(since, c.q.Get("tmid"))}}, nil
	}
	return nil, meteor("error-invalid-message", "Invalid Message")
}

// changedRooms are the rooms that the user is in and in which something was
// said or deleted since a time. What is edited changes no room.
func changedRooms(c *call) (obj, *failure) {
	since, err := time.Parse(time.RFC3339, c.q.Get("updatedSince"))
	if c.q.Get("updatedSince") != "" && err != nil {
		return nil, meteor("error-updatedSince-param-invalid", "The \"updatedSince\" query parameter must be a valid date.")
	}
	update := []any{}
	for _, r := range c.st.rooms {
		if r.member(c.user.ID) && r.updated().After(since) {
			update = append(update, r.json())
		}
	}
	return obj{"update": update, "remove": []any{}}, nil
}

// updated is when something changed that a room is told to have changed for.
func (r *room) updated() time.Time {
	at := r.created
	for _, t := range []time.Time{r.changed, r.said} {
		if t.After(at) {
			at = t
		}
	}
	return at
}
