package rcfake

import (
	"time"

	"github.com/coder/websocket"
)

// EndSubscriptions ends the subscriptions to a stream's key, as the server does
// when a person may not hear it any more.
func (s *Server) EndSubscriptions(stream, key string) {
	_ = s.do(func() error {
		for ses := range s.sessions {
			for id, x := range ses.subs {
				if x.stream == stream && x.key == key {
					delete(ses.subs, id)
					ses.send(obj{"msg": "nosub", "id": id, "error": refused("not-allowed", "Not allowed")})
				}
			}
		}
		return nil
	})
}

// RefuseSubscriptions refuses those to a stream from now on.
func (s *Server) RefuseSubscriptions(stream string) {
	_ = s.do(func() error { s.deafTo = stream; return nil })
}

// Babble sends every connection a frame as it is, whatever it says.
func (s *Server) Babble(frame string) {
	_ = s.do(func() error {
		for ses := range s.sessions {
			if err := ses.conn.Write(s.ctx, websocket.MessageText, []byte(frame)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ddpLimits counts methods and subscriptions, as the server does: ten of a name
// in ten seconds for a connection, and forty in forty of a stream's. A token
// that calls methods over REST is a connection too. No permission lifts it.
type ddpLimits struct {
	on      bool
	every   time.Duration // of methods
	windows map[string]*window
}

// DDPLimits switches on the limits of methods and subscriptions: ten methods of
// a name in every; 0 means the server's ten seconds.
func (s *Server) DDPLimits(on bool, every time.Duration) {
	_ = s.do(func() error { s.ddp = ddpLimits{on: on, every: every}; return nil })
}

// take counts a call of a name and returns the error that it is refused with,
// if it is. The lock is held.
func (l *ddpLimits) take(now time.Time, conn, name string, stream bool) obj {
	if !l.on {
		return nil
	}
	most, every := 10, l.every
	if every == 0 {
		every = 10 * time.Second
	}
	if stream {
		most, every = 4*most, 4*every
	}
	if l.windows == nil {
		l.windows = map[string]*window{}
	}
	w := l.windows[conn+" "+name]
	if w == nil || now.Sub(w.from) >= every {
		w = &window{from: now}
		l.windows[conn+" "+name] = w
	}
	if w.n++; w.n <= most {
		return nil
	}
	o := refused("too-many-requests", "Error, too many requests. Please slow down.")
	o["details"] = obj{"timeToReset": w.from.Add(every).Sub(now).Milliseconds()}
	return o
}
