package xfake

import (
	"net/http"
	"strconv"
	"time"
)

// Limit is what an endpoint allows; zero means no such limit.
type Limit struct {
	// User and App are per 15 minutes.
	User, App int
	// UserDay and AppDay are per 24 hours.
	UserDay, AppDay int
}

// defaultLimits are those of https://docs.x.com/x-api/fundamentals/rate-limits.
func defaultLimits() map[string]Limit {
	send := Limit{User: 15, UserDay: 1440, AppDay: 1440}
	part := Limit{User: 1875, AppDay: 180000}
	return map[string]Limit{
		"POST /2/tweets":              {User: 100, AppDay: 10000},
		"DELETE /2/tweets/{id}":       {User: 50},
		"GET /2/users/{id}/mentions":  {User: 300, App: 450},
		"GET /2/users/{id}/tweets":    {User: 900, App: 10000},
		"GET /2/tweets/{id}":          {User: 900, App: 450},
		"GET /2/tweets":               {User: 5000, App: 3500},
		"GET /2/users/me":             {User: 75},
		"GET /2/users":                {User: 900, App: 300},
		"GET /2/users/{id}":           {User: 900, App: 300},
		"GET /2/users/by":             {User: 900, App: 300},
		"GET /2/dm_events":            {User: 15},
		"GET /2/dm_events/{event_id}": {User: 15},
		"GET /2/dm_conversations/with/{participant_id}/dm_events": {User: 15},
		"GET /2/dm_conversations/{id}/dm_events":                  {User: 15},
		"POST /2/dm_conversations":                                send,
		"POST /2/dm_conversations/with/{participant_id}/messages": send,
		"POST /2/dm_conversations/{dm_conversation_id}/messages":  send,
		"DELETE /2/dm_events/{event_id}":                          {User: 300, UserDay: 1500, AppDay: 4000},
		"POST /2/media/upload":                                    {User: 500, AppDay: 50000},
		"GET /2/media/upload":                                     {User: 1000, AppDay: 100000},
		"POST /2/media/upload/initialize":                         part,
		"POST /2/media/upload/{id}/append":                        part,
		"POST /2/media/upload/{id}/finalize":                      part,
		"POST /2/media/metadata":                                  {User: 500, AppDay: 50000},
		"POST /2/webhooks":                                        {App: 450},
		"GET /2/webhooks":                                         {App: 450},
		"PUT /2/webhooks/{webhook_id}":                            {App: 450},
		"DELETE /2/webhooks/{webhook_id}":                         {App: 450},
		"POST /2/activity/subscriptions":                          {User: 500, App: 500},
		"GET /2/activity/subscriptions":                           {User: 500, App: 500},
		"DELETE /2/activity/subscriptions":                        {App: 500},
		"PUT /2/activity/subscriptions/{subscription_id}":         {App: 500},
		"DELETE /2/activity/subscriptions/{subscription_id}":      {App: 500},
	}
}

// defaultLimit holds for endpoints whose limit X's table does not give.
func defaultLimit() Limit { return Limit{User: 900, App: 450} }

// SetLimit changes what an endpoint allows, from the next call on with a
// fresh window; endpoint is written "POST /2/tweets" or
// "GET /2/users/{id}/mentions". It reports whether there is such an endpoint.
func (s *Server) SetLimit(endpoint string, l Limit) bool {
	known := false
	for _, r := range s.routes {
		known = known || r.name() == endpoint
	}
	if !known {
		return false
	}
	s.mu.Lock()
	s.limits[endpoint] = l
	s.dropWindows(endpoint)
	s.mu.Unlock()
	s.changed()
	return true
}

// ResetLimits restores X's limits and forgets what was used of them.
func (s *Server) ResetLimits() {
	s.mu.Lock()
	s.limits = defaultLimits()
	s.windows = map[string]*window{}
	s.mu.Unlock()
	s.changed()
}

func (s *Server) dropWindows(endpoint string) {
	for k, w := range s.windows {
		if w.endpoint == endpoint {
			delete(s.windows, k)
		}
	}
}

type window struct {
	endpoint string
	used     int
	ends     time.Time
}

// take counts one call and reports the window's state and whether it fits.
func (s *Server) take(endpoint, who string, limit int, length time.Duration, now time.Time) (w *window, ok bool) {
	key := endpoint + "|" + who + "|" + length.String()
	w = s.windows[key]
	if w == nil || !now.Before(w.ends) {
		w = &window{endpoint: endpoint, ends: now.Add(length)}
		s.windows[key] = w
	}
	if w.used >= limit {
		return w, false
	}
	w.used++
	return w, true
}

// spend counts the call against every limit of the endpoint and makes the
// headers that X sends with every answer.
func (s *Server) spend(c *call, rt route) (http.Header, bool) {
	l, known := s.limits[rt.name()]
	if !known {
		l = defaultLimit()
	}
	now, h, fits := s.now(), http.Header{}, true
	count := func(prefix, who string, limit int, length time.Duration) {
		if limit == 0 {
			return
		}
		w, ok := s.take(rt.name(), who, limit, length, now)
		fits = fits && ok
		h.Set(prefix+"limit", strconv.Itoa(limit))
		h.Set(prefix+"remaining", strconv.Itoa(limit-w.used))
		h.Set(prefix+"reset", strconv.FormatInt((w.ends.UnixMilli()+999)/1000, 10))
	}
	if c.app {
		count("x-rate-limit-", "app", l.App, window15)
	} else {
		count("x-rate-limit-", c.user.ID, l.User, window15)
		count("x-user-limit-24hour-", c.user.ID, l.UserDay, 24*time.Hour)
	}
	count("x-app-limit-24hour-", "app", l.AppDay, 24*time.Hour)
	return h, fits
}
