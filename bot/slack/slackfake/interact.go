package slackfake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Command runs a slash command in a channel. The person need not be alone in
// it, and the bot need not be in it. An answer in the ack, or what Slack says
// when none comes, is shown to the person; see Ephemerals.
func (s *Server) Command(who, channelID, command, text string) *Delivery {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	u, ch := s.st.users[s.userID(who)], s.st.channels[s.channelID(channelID)]
	name := ch.name
	switch {
	case ch.im:
		name = "directmessage"
	case ch.private:
		name = "privategroup"
	}
	r := &response{team: u.Team, channel: ch.id, user: u.ID}
	d := &Delivery{Kind: "slash_commands", accepts: true, TriggerID: s.newTrigger(u, ""), ResponseURL: s.newResponse(r)}
	d.onAck = func(answer obj) {
		if answer["text"] != nil || answer["blocks"] != nil {
			s.show(r, answer)
		}
	}
	d.onFail = func(reason string) {
		word := "operation_timeout"
		if reason != "timeout" && reason != "http_timeout" {
			word = "dispatch_failed"
		}
		s.whisper(u.ID, ch.id, fmt.Sprintf("%s failed with the error %q", command, word))
	}
	t := s.st.teams[u.Team]
	return s.deliver(d, map[string]string{
		"token": "verification-token", "team_id": t.id, "team_domain": t.domain, "channel_id": ch.id, "channel_name": name, "user_id": u.ID, "user_name": u.Name,
		"command": command, "text": s.escape(text, true), "api_app_id": s.opt.AppID, "is_enterprise_install": "false", "response_url": d.ResponseURL, "trigger_id": d.TriggerID,
	})
}

// interaction is what all payloads of kind interactive have. The lock is held.
func (s *Server) interaction(typ string, u *user, from string) (*Delivery, obj) {
	t := s.hostOf(u)
	d := &Delivery{Kind: "interactive", TriggerID: s.newTrigger(u, from)}
	return d, obj{
		"type": typ, "token": "verification-token", "api_app_id": s.opt.AppID, "trigger_id": d.TriggerID, "team": obj{"id": t.id, "domain": t.domain},
		"user": obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team}, "enterprise": nil, "is_enterprise_install": false,
	}
}

// Click presses a button of a message, in a channel or shown to the person
// alone. Of several buttons with one action id the first is meant; see Use.
func (s *Server) Click(who, ts, actionID string) (*Delivery, error) {
	return s.Use(who, ts, actionID, "", "")
}

// Use works an element of a message: a button (if blockID is empty, the first
// with the action id), or a select with the value picked.
func (s *Server) Use(who, ts, actionID, blockID, value string) (*Delivery, error) {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	u := s.st.users[s.userID(who)]
	if u == nil {
		return nil, ErrNotFound
	}
	m, ch := s.visible(u, ts)
	if m == nil {
		return nil, fmt.Errorf("message %s: %w", ts, ErrNotFound)
	}
	block, el := locate(m.blocks, actionID, blockID)
	if el == nil {
		return nil, fmt.Errorf("element %s: %w", actionID, ErrNotFound)
	}
	act, err := action(block, el, value, s.nextTS())
	if err != nil {
		return nil, err
	}
	d, p := s.interaction("block_actions", u, "")
	r := &response{team: s.hostOf(u).id, channel: m.channel, user: u.ID, message: m.ts}
	if m.only != "" {
		r.ephemeral = m
	}
	d.ResponseURL = s.newResponse(r)
	where := obj{"type": "message", "message_ts": m.ts, "channel_id": m.channel, "is_ephemeral": m.only != ""}
	if m.threadTS != "" {
		where["thread_ts"] = m.threadTS
	}
	p["container"], p["response_url"], p["actions"], p["state"] = where, d.ResponseURL, []any{act}, obj{"values": obj{}}
	name := "directmessage"
	if ch != nil && !ch.im {
		if name = ch.name; ch.private {
			name = "privategroup"
		}
	}
	p["channel"] = obj{"id": m.channel, "name": name}
	if m.only == "" {
		p["message"] = s.render(m, false) // Slack leaves it out for ephemeral messages
	}
	return s.deliver(d, p), nil
}

// visible finds a message that the person sees. The lock is held.
func (s *Server) visible(u *user, ts string) (*message, *channel) {
	for _, m := range s.st.ephemeral {
		if m.ts == ts && m.only == u.ID && !m.gone {
			return m, s.st.channels[m.channel]
		}
	}
	for _, ch := range s.st.channels {
		if m := ch.find(ts); m != nil && (ch.member(u.ID) || ch.team == u.Team && !ch.private && !ch.im) {
			return m, ch
		}
	}
	return nil, nil
}

func locate(blocks []any, actionID, blockID string) (block, el obj) {
	for _, x := range blocks {
		b, _ := x.(obj)
		if blockID != "" && b["block_id"] != blockID {
			continue
		}
		es, _ := b["elements"].([]any)
		for _, k := range []string{"accessory", "element"} {
			if b[k] != nil {
				es = append(slices.Clone(es), b[k])
			}
		}
		for _, e := range es {
			if o, ok := e.(obj); ok && o["action_id"] == actionID {
				return b, o
			}
		}
	}
	return nil, nil
}

// action is one entry of a block_actions payload.
func action(block, el obj, value, ts string) (obj, error) {
	a := obj{"action_id": el["action_id"], "block_id": block["block_id"], "type": el["type"], "action_ts": ts}
	if el["type"] == "button" {
		a["text"] = el["text"]
		for _, k := range []string{"value", "style", "url"} {
			if el[k] != nil {
				a[k] = el[k]
			}
		}
		return a, nil
	}
	st, err := fieldState(el, value, true)
	if err != nil {
		return nil, err
	}
	maps.Copy(a, st)
	return a, nil
}

// ClickView works an element of an open modal or of the home tab.
func (s *Server) ClickView(who, viewID, actionID, value string) (*Delivery, error) {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	u := s.st.users[s.userID(who)]
	v := s.st.views[viewID]
	if v == nil && u != nil && s.st.homes[u.ID] != nil && s.st.homes[u.ID].id == viewID {
		v = s.st.homes[u.ID]
	}
	if u == nil || v == nil || v.user != u.ID {
		return nil, ErrNotFound
	}
	blocks, _ := v.body["blocks"].([]any)
	block, el := locate(blocks, actionID, "")
	if el == nil {
		return nil, fmt.Errorf("element %s: %w", actionID, ErrNotFound)
	}
	act, err := action(block, el, value, s.nextTS())
	if err != nil {
		return nil, err
	}
	from := v.id
	if v.body["type"] == "home" {
		from = ""
	}
	d, p := s.interaction("block_actions", u, from)
	p["container"], p["view"], p["actions"] = obj{"type": "view", "view_id": v.id}, s.renderView(v, nil), []any{act}
	return s.deliver(d, p), nil
}

// Shortcut uses a message shortcut on a message, or a global one if channelID
// is empty.
func (s *Server) Shortcut(who, callbackID, channelID, ts string) (*Delivery, error) {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	u := s.st.users[s.userID(who)]
	if u == nil {
		return nil, ErrNotFound
	}
	if channelID == "" {
		d, p := s.interaction("shortcut", u, "")
		p["callback_id"], p["action_ts"] = callbackID, s.nextTS()
		return s.deliver(d, p), nil
	}
	ch := s.st.channels[s.channelID(channelID)]
	if ch == nil || ch.find(ts) == nil {
		return nil, ErrNotFound
	}
	d, p := s.interaction("message_action", u, "")
	d.ResponseURL = s.newResponse(&response{team: u.Team, channel: ch.id, user: u.ID})
	p["callback_id"], p["action_ts"], p["message_ts"], p["response_url"] = callbackID, s.nextTS(), ts, d.ResponseURL
	p["channel"], p["message"] = obj{"id": ch.id, "name": ch.name}, s.render(ch.find(ts), false)
	return s.deliver(d, p), nil
}

// Submit sends an open modal. Values are by action id, or "block/action" where
// that is not enough; fields without one keep what they show. What the client
// refuses (a missing required field) is ErrRequired and reaches nobody.
func (s *Server) Submit(who, viewID string, values map[string]string) (*Delivery, error) {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	u, v := s.st.users[s.userID(who)], s.st.views[viewID]
	if u == nil || v == nil || v.user != u.ID {
		return nil, fmt.Errorf("view %s: %w", viewID, ErrNotFound)
	}
	state, used := obj{}, 0
	blocks, _ := v.body["blocks"].([]any)
	for _, x := range blocks {
		b, _ := x.(obj)
		el, _ := b["element"].(obj)
		if b["type"] != "input" || el == nil {
			continue
		}
		act, _ := el["action_id"].(string)
		bid, _ := b["block_id"].(string)
		val, given := values[bid+"/"+act]
		if !given {
			val, given = values[act]
		}
		if given {
			used++
		}
		st, err := fieldState(el, val, given)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", act, err)
		}
		if b["optional"] != true && blank(st) {
			return nil, fmt.Errorf("field %s: %w", act, ErrRequired)
		}
		state[bid] = obj{act: st}
	}
	if used < len(values) {
		return nil, fmt.Errorf("the view has no field for one of %d values: %w", len(values), ErrNotFound)
	}
	d, p := s.interaction("view_submission", u, v.id)
	d.accepts = true
	p["view"], p["response_urls"] = s.renderView(v, state), []any{}
	v.errors = nil
	d.onAck = func(answer obj) { s.submitted(v, answer) }
	return s.deliver(d, p), nil
}

// submitted does what the ack of a submission asks. The lock is held.
func (s *Server) submitted(v *view, answer obj) {
	o, _ := answer["view"].(obj)
	if act := answer["response_action"]; act == "update" || act == "push" {
		if errs := checkView(o, "modal"); len(errs) > 0 {
			v.errors = map[string]string{"": strings.Join(errs, "; ")} // "we had some trouble connecting"
			return
		}
	}
	switch answer["response_action"] {
	case "errors":
		v.errors = map[string]string{}
		m, _ := answer["errors"].(obj)
		for k, e := range m {
			v.errors[k], _ = e.(string)
		}
	case "update":
		s.fill(v, o)
	case "push":
		_, _ = s.push(s.st.teams[v.team], v.user, o)
	case "clear":
		s.closeViews(v.user)
	default:
		delete(s.st.views, v.id)
	}
}

// CloseView closes the topmost modal, or all, as the person's click on × does.
func (s *Server) CloseView(who, viewID string, all bool) error {
	return s.do(func() error {
		u, v := s.st.users[s.userID(who)], s.st.views[viewID]
		if u == nil || v == nil {
			return ErrNotFound
		}
		if v.body["notify_on_close"] == true {
			d, p := s.interaction("view_closed", u, "")
			delete(p, "trigger_id")
			p["view"], p["is_cleared"] = s.renderView(v, nil), all
			s.deliver(d, p)
		}
		if all {
			s.closeViews(u.ID)
		} else {
			delete(s.st.views, v.id)
		}
		return nil
	})
}

// fieldState is an element's part of state.values.
func fieldState(el obj, val string, given bool) (obj, error) {
	typ, _ := el["type"].(string)
	st := obj{"type": typ}
	put := func(key, initial string, wrap func(string) any) {
		switch {
		case given && val != "":
			st[key] = wrap(val)
		case !given && el[initial] != nil:
			st[key] = el[initial]
		default:
			st[key] = nil
		}
	}
	same := func(v string) any { return v }
	split := func(v string) any { return strings.Split(v, ",") }
	var err error
	choose := func(v string) any {
		for _, o := range choices(el) {
			if o["value"] == v || plainOf(o["text"]) == v {
				return obj{"text": o["text"], "value": o["value"]}
			}
		}
		err = fmt.Errorf("%q: %w", v, ErrNotOffers)
		return nil
	}
	switch typ {
	case "static_select", "radio_buttons", "external_select", "overflow":
		put("selected_option", "initial_option", choose)
	case "multi_static_select", "checkboxes", "multi_external_select":
		put("selected_options", "initial_options", func(v string) any {
			var out []any
			for x := range strings.SplitSeq(v, ",") {
				out = append(out, choose(x))
			}
			return out
		})
		if st["selected_options"] == nil {
			st["selected_options"] = []any{}
		}
	case "users_select":
		put("selected_user", "initial_user", same)
	case "multi_users_select":
		put("selected_users", "initial_users", split)
	case "conversations_select":
		put("selected_conversation", "initial_conversation", same)
	case "multi_conversations_select":
		put("selected_conversations", "initial_conversations", split)
	case "channels_select":
		put("selected_channel", "initial_channel", same)
	case "multi_channels_select":
		put("selected_channels", "initial_channels", split)
	case "datepicker":
		put("selected_date", "initial_date", same)
	case "timepicker":
		put("selected_time", "initial_time", same)
	case "datetimepicker":
		put("selected_date_time", "initial_date_time", func(v string) any {
			var n int64
			if _, err = fmt.Sscan(v, &n); err != nil {
				err = fmt.Errorf("%q is no time: %w", v, ErrNotOffers)
			}
			return n
		})
	default:
		put("value", "initial_value", same)
		n := utf8.RuneCountInString(val)
		most, has := el["max_length"].(float64)
		if !has {
			most = 3000
		}
		least, _ := el["min_length"].(float64)
		if given && (n > int(most) || n > 0 && n < int(least)) {
			return nil, ErrRequired
		}
	}
	return st, err
}

func choices(el obj) (out []obj) {
	add := func(v any) {
		l, _ := v.([]any)
		for _, x := range l {
			if o, ok := x.(obj); ok {
				out = append(out, o)
			}
		}
	}
	add(el["options"])
	groups, _ := el["option_groups"].([]any)
	for _, g := range groups {
		o, _ := g.(obj)
		add(o["options"])
	}
	return out
}

func blank(st obj) bool {
	for k, v := range st {
		if k == "type" {
			continue
		}
		l, isList := v.([]any)
		return v == nil || v == "" || isList && len(l) == 0
	}
	return true
}
