package rocketchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/perch-chat/perch/bot"
)

// How a realtime connection is kept. The server's own clients ping after 30 s
// of silence and give up after 60 s; a dead one should be noticed sooner.
const (
	dialTimeout = 15 * time.Second
	askTimeout  = 15 * time.Second
	maxFrame    = 4 << 20
	maxQueued   = 4096 // events not taken yet; more mean that the connection is given up
)

// liveness is how often a connection is pinged, after how much silence it
// counts as dead, and how often rooms are read besides listening.
type liveness struct{ every, dead, look time.Duration }

// usual is how the real server is watched.
func usual() liveness {
	return liveness{every: 10 * time.Second, dead: 25 * time.Second, look: lookEvery}
}

// errDead ends a connection on which nothing was heard for too long.
var errDead = errors.New("rocketchat: the realtime connection is dead")

// notice is an event of a stream.
type notice struct {
	stream, key string
	args        []json.RawMessage
}

// realtime is one connection to the realtime API (DDP). Its methods are safe
// for concurrent use. It ends once: a new one is dialled then.
type realtime struct {
	conn    *websocket.Conn
	notices chan notice
	cancel  context.CancelCauseFunc
	ended   <-chan struct{}
	why     func() error

	mu    sync.Mutex
	next  int
	waits map[string]chan reply // by ID: of methods and subscriptions
	vital map[string]bool       // subscriptions without which the connection is of no use
	heard time.Time
	write sync.Mutex
	wg    sync.WaitGroup
}

// reply is what a method or a subscription came to.
type reply struct {
	result json.RawMessage
	err    error
}

// frame is a message of the server.
type frame struct {
	Msg        string          `json:"msg"`
	ID         string          `json:"id"`
	Subs       []string        `json:"subs"`
	Result     json.RawMessage `json:"result"`
	Error      *ddpError       `json:"error"`
	Collection string          `json:"collection"`
	Fields     struct {
		Event string            `json:"eventName"`
		Args  []json.RawMessage `json:"args"`
	} `json:"fields"`
}

// undecoded is the stream of notices that are frames as they came: they can't
// be read.
const undecoded = "undecoded"

// dial connects and, with a token, logs in. The connection lives until ctx
// ends, close is called, or it dies. h must follow no redirect: the login goes
// to whoever answers.
func dial(ctx context.Context, h *http.Client, base string, auth credentials, live liveness) (*realtime, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("rocketchat: address: %w", err)
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u = u.JoinPath("websocket")
	dctx, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	conn, resp, err := websocket.Dial(dctx, u.String(), &websocket.DialOptions{HTTPClient: h, HTTPHeader: http.Header{"User-Agent": {userAgent}}}) //nolint:bodyclose // the library's own, see its documentation
	if err != nil {
		if resp != nil && resp.StatusCode >= 300 && resp.StatusCode < 500 {
			return nil, &bot.Error{Code: "no_realtime", Message: "The realtime connection of Rocket.Chat is not at its usual place. Does a proxy pass /websocket on?", Temporary: true, Err: err}
		}
		return nil, fmt.Errorf("rocketchat: dial: %w", err)
	}
	conn.SetReadLimit(maxFrame)
	life, cancel := context.WithCancelCause(ctx)
	r := &realtime{
		conn: conn, notices: make(chan notice, maxQueued), cancel: cancel, ended: life.Done(),
		why: func() error { return context.Cause(life) }, waits: map[string]chan reply{}, vital: map[string]bool{}, heard: time.Now(),
	}
	hello := r.await("connect")
	r.wg.Go(func() { r.read(life) })
	r.wg.Go(func() { r.watch(life, live) })
	err = r.send(dctx, map[string]any{"msg": "connect", "version": "1", "support": []string{"1", "pre2", "pre1"}})
	if err == nil {
		_, err = r.answer(dctx, "connect", hello)
	}
	if err == nil && auth.token != "" {
		// Subscriptions that come before the login are refused and forgotten.
		_, err = r.method(dctx, "login", map[string]string{"resume": auth.token})
		err = loginError(err)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// close ends the connection and waits for what it runs.
func (r *realtime) close() {
	r.cancel(errors.New("rocketchat: closed"))
	_ = r.conn.CloseNow()
	r.wg.Wait()
}

// method calls a method and returns its result.
func (r *realtime) method(ctx context.Context, name string, params ...any) (json.RawMessage, error) {
	id, ch := r.begin()
	if params == nil {
		params = []any{}
	}
	err := r.send(ctx, map[string]any{"msg": "method", "method": name, "params": params, "id": id})
	if err != nil {
		r.forget(id)
		return nil, err
	}
	return r.answer(ctx, id, ch)
}

// subscribe opens a stream and returns once the server sends on it.
func (r *realtime) subscribe(ctx context.Context, stream, key string, args ...any) (id string, err error) {
	if args == nil {
		args = []any{}
	}
	id, ch := r.begin()
	err = r.send(ctx, map[string]any{"msg": "sub", "id": id, "name": stream, "params": []any{key, map[string]any{"useCollection": false, "args": args}}})
	if err != nil {
		r.forget(id)
		return "", err
	}
	_, err = r.answer(ctx, id, ch)
	return id, err
}

// require subscribes to a stream that the server may not end: without it things
// would be missed, and nobody would know.
func (r *realtime) require(ctx context.Context, stream, key string) error {
	id, err := r.subscribe(ctx, stream, key)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vital[id] = true
	return nil
}

// unsubscribe ends a stream.
func (r *realtime) unsubscribe(ctx context.Context, id string) error {
	return r.send(ctx, map[string]any{"msg": "unsub", "id": id})
}

func (r *realtime) begin() (string, chan reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	id := strconv.Itoa(r.next)
	ch := make(chan reply, 1)
	r.waits[id] = ch
	return id, ch
}

func (r *realtime) await(id string) chan reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := make(chan reply, 1)
	r.waits[id] = ch
	return ch
}

func (r *realtime) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waits, id)
}

func (r *realtime) answer(ctx context.Context, id string, ch chan reply) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	select {
	case a := <-ch:
		return a.result, a.err
	case <-r.ended:
		r.forget(id)
		return nil, r.why()
	case <-ctx.Done():
		r.forget(id)
		return nil, fmt.Errorf("rocketchat: no answer: %w", ctx.Err())
	}
}

// done hands an answer to the one who waits for it.
func (r *realtime) done(id string, a reply) {
	r.mu.Lock()
	ch := r.waits[id]
	delete(r.waits, id)
	vital := r.vital[id]
	r.mu.Unlock()
	if ch != nil {
		ch <- a
	}
	if vital && a.err != nil {
		r.cancel(fmt.Errorf("rocketchat: the server ended a subscription: %w", a.err))
	}
}

func (r *realtime) send(ctx context.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("rocketchat: encode: %w", err)
	}
	r.write.Lock()
	defer r.write.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := r.conn.Write(ctx, websocket.MessageText, b); err != nil {
		r.cancel(fmt.Errorf("rocketchat: write: %w", err))
		return fmt.Errorf("rocketchat: write: %w", err)
	}
	return nil
}

// read takes frames until the connection ends. It never waits for anybody, or
// pings would not be answered.
func (r *realtime) read(ctx context.Context) {
	defer close(r.notices)
	for {
		_, raw, err := r.conn.Read(ctx)
		if err != nil {
			r.cancel(fmt.Errorf("rocketchat: read: %w", err))
			return
		}
		r.mu.Lock()
		r.heard = time.Now()
		r.mu.Unlock()
		var f frame
		if json.Unmarshal(raw, &f) != nil {
			if !r.queue(notice{stream: undecoded, args: []json.RawMessage{raw}}) {
				return
			}
			continue
		}
		switch f.Msg {
		case "connected":
			r.done("connect", reply{})
		case "failed":
			r.done("connect", reply{err: errors.New("rocketchat: the server speaks another version of DDP")})
		case "ping":
			o := map[string]string{"msg": "pong"}
			if f.ID != "" {
				o["id"] = f.ID
			}
			if r.send(ctx, o) != nil {
				return
			}
		case "result":
			a := reply{result: f.Result}
			if f.Error != nil {
				a.err = f.Error.err("method")
			}
			r.done(f.ID, a)
		case "ready":
			for _, id := range f.Subs {
				r.done(id, reply{})
			}
		case "nosub":
			a := reply{err: &bot.Error{Code: "nosub", Message: "Rocket.Chat ended a subscription. Perch connects again by itself.", Temporary: true}}
			if f.Error != nil {
				a.err = f.Error.err("subscription")
			}
			r.done(f.ID, a)
		case "changed":
			if !r.queue(notice{f.Collection, f.Fields.Event, f.Fields.Args}) {
				return
			}
		}
	}
}

// queue keeps an event. With too many of them the connection is given up: what
// is missed is read by REST after the next one is up.
func (r *realtime) queue(n notice) bool {
	select {
	case r.notices <- n:
		return true
	default:
		r.cancel(errors.New("rocketchat: events come faster than they are stored"))
		return false
	}
}

// more is an event with those that wait behind it, as many as are stored at once.
func (r *realtime) more(n notice) []notice {
	list := []notice{n}
	for len(list) < atATime {
		select {
		case n, ok := <-r.notices:
			if !ok {
				return list // whoever reads on learns why
			}
			list = append(list, n)
		default:
			return list
		}
	}
	return list
}

// watch pings, and ends a connection on which nothing comes any more.
func (r *realtime) watch(ctx context.Context, live liveness) {
	tick := time.NewTicker(live.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = r.conn.CloseNow()
			return
		case <-tick.C:
		}
		r.mu.Lock()
		silent := time.Since(r.heard)
		r.mu.Unlock()
		if silent > live.dead {
			r.cancel(errDead)
			_ = r.conn.CloseNow()
			return
		}
		if r.send(ctx, map[string]string{"msg": "ping"}) != nil {
			return
		}
	}
}
