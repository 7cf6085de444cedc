package rocketchat

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Livechat = (*Adapter)(nil)

// roomMark is the message part of a ref that stands for a customer's room.
const roomMark = "live"

func liveRef(rid string) bot.MessageRef { return messageRef(rid, roomMark) }

// liveRoom is the room of a ref that stands for one.
func liveRoom(ref bot.MessageRef) (string, bool) {
	rid, id, ok := messageID(ref)
	return rid, ok && id == roomMark
}

// SetSecret sets [Options.Secret]. It is to be called before everything else.
func (a *Adapter) SetSecret(secret []byte) { a.o.Secret = secret }

// tokenMark begins the tokens of our customers; nameLength of the letters behind
// it are their names for the server.
const (
	tokenMark  = "perch"
	nameLength = 16
)

// token is a customer's token. Whoever has it reads the conversation through
// the public API, so it can't be guessed from who the customer is.
func (a *Adapter) token(v bot.Visitor) string {
	m := hmac.New(sha256.New, a.o.Secret)
	m.Write([]byte("visitor " + v.Key))
	return tokenMark + hex.EncodeToString(m.Sum(nil)[:24])
}

// username is a customer's name for the server; nobody sees it, and it must be
// theirs alone.
func (a *Adapter) username(v bot.Visitor) string {
	return "x-" + strings.TrimPrefix(a.token(v), tokenMark)[:nameLength]
}

// shownName is how agents see a customer: which channel it is can only be said
// in the name, for the server's own label is set by its apps alone.
func shownName(v bot.Visitor) string {
	name := cut(straight(v.Name), 80)
	if v.Handle != "" {
		name = strings.TrimSpace(name + " (@" + straight(v.Handle) + ")")
	}
	name = cmp.Or(name, "Somebody") + " on X"
	if v.Account != "" {
		name += " to @" + straight(v.Account)
	}
	return name
}

// straight is a name on one line, in which no letters turn around those behind it.
func straight(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(clean(s)), " ")
}

// Enter makes sure that a customer has an open room. See [bot.Livechat].
func (a *Adapter) Enter(ctx context.Context, v bot.Visitor) (bot.Entered, error) {
	token := a.token(v)
	e, err := a.enter(ctx, v, token)
	if err != nil {
		if unsure(err) && !temporary(err) {
			a.customers.strays(token)
		}
		return bot.Entered{}, err
	}
	e.Stray, err = a.stray(ctx, v, token, e.Ref)
	return e, err
}

func (a *Adapter) enter(ctx context.Context, v bot.Visitor, token string) (bot.Entered, error) {
	as := shownName(v) + "\n" + v.Department
	if e, ok, err := a.enterByApp(ctx, v, token, as); ok {
		return e, err
	}
	if !a.customers.is(token, as) {
		if err := a.register(ctx, v, token); err != nil {
			return bot.Entered{}, err
		}
		a.customers.set(token, as)
	}
	// Asked as the bot it costs nothing of the public call's small allowance.
	r, err := a.openRoom(ctx, token)
	if err != nil || r.ID != "" {
		return bot.Entered{Ref: liveRef(r.ID), Served: r.Agent.ID != ""}, a.entered(r.ID, token, err)
	}
	var out struct {
		Room room   `json:"room"`
		New  bool   `json:"newRoom"`
		ID   string `json:"_id"`
	}
	err = a.rest.call(ctx, request{route: "GET livechat/room", query: url.Values{"token": {token}}}, &out)
	switch code(err) {
	case "no-agent-online":
		return bot.Entered{}, noAgent(err)
	case "invalid-token":
		a.customers.set(token, "") // the server forgot them
		return bot.Entered{}, &bot.Error{Code: "visitor_gone", Message: "Rocket.Chat has forgotten this customer. Perch registers them again.", Temporary: true, RetryAfter: 1, Err: err}
	}
	rid := cmp.Or(out.Room.ID, out.ID)
	if err == nil && rid == "" {
		err = errors.New("rocketchat: livechat/room: no room in the answer")
	}
	return bot.Entered{Ref: liveRef(rid), Fresh: out.New, Served: out.Room.Agent.ID != ""}, a.entered(rid, token, err)
}

// entered has the agents of a room heard from now on.
func (a *Adapter) entered(rid, token string, err error) error {
	if err == nil && a.customers.watch(rid, token) {
		select {
		case a.wakeRooms <- struct{}{}:
		default: // it is awake
		}
	}
	return err
}

// register makes the customer known, or tells of another name or department.
// No phone and no e-mail: the server would take them for somebody else by it.
func (a *Adapter) register(ctx context.Context, v bot.Visitor, token string) error {
	visitor := map[string]any{"token": token, "name": shownName(v), "username": a.username(v)}
	if v.Department != "" {
		visitor["department"] = v.Department
	}
	return a.rest.call(ctx, request{route: "POST livechat/visitor", body: map[string]any{"visitor": visitor}}, nil)
}

// openRoom is a customer's open room, or the zero one. The server lists no others,
// and does not say of these that they are open.
func (a *Adapter) openRoom(ctx context.Context, token string) (room, error) {
	var out struct{ Rooms []room }
	err := a.rest.call(ctx, request{route: "GET livechat/visitor/:token/room", path: "livechat/visitor/" + url.PathEscape(token) + "/room"}, &out)
	if err != nil || len(out.Rooms) == 0 {
		return room{}, err
	}
	return out.Rooms[0], nil
}

// asCustomer is the token with which a message in a room is the customer's own.
// It is nothing where the message is no customer's.
func (a *Adapter) asCustomer(ctx context.Context, ref bot.MessageRef, m bot.Message) (rid, token string, err error) {
	rid, _, ok := messageID(ref)
	if !ok || m.Author == nil {
		return rid, "", nil
	}
	if token = a.customers.watched()[rid]; token != "" {
		return rid, token, nil
	}
	if _, live := liveRoom(ref); !live && a.kind(ctx, rid) != "l" {
		return rid, "", nil
	}
	var out struct {
		Room struct {
			Visitor struct {
				Token string `json:"token"`
			} `json:"v"`
		} `json:"room"`
	}
	if err := a.rest.call(ctx, request{route: "GET rooms.info", query: url.Values{"roomId": {rid}}}, &out); err != nil {
		return rid, "", unsent(err)
	}
	if out.Room.Visitor.Token == "" {
		return rid, "", gone("room")
	}
	return rid, out.Room.Visitor.Token, nil
}

// Leave closes a room. See [bot.Livechat].
func (a *Adapter) Leave(ctx context.Context, ref bot.MessageRef, why string) error {
	rid, ok := liveRoom(ref)
	if !ok {
		return gone("room")
	}
	err := a.rest.call(ctx, request{route: "POST livechat/room.closeByUser", body: map[string]string{"rid": rid, "comment": cut(cmp.Or(strings.TrimSpace(clean(why)), "Closed by Perch."), 500)}}, nil)
	if c := code(err); c == "error-room-already-closed" || c == "error-room-closed" || c == "room-closed" {
		return nil
	}
	return err
}

// Serves reports whether somebody would be there. See [bot.Livechat]. The server
// itself says yes where the workspace accepts chats without agents, so that they
// are counted. A bot among the agents counts: what it says goes to the customer.
func (a *Adapter) Serves(ctx context.Context, department string) (bool, error) {
	id, there := "", false
	_, err := pages(url.Values{"onlyAvailable": {"true"}, "showIdleAgents": {"false"}}, math.MaxInt, func(q url.Values) (int, int, error) {
		var out struct {
			Users []struct {
				ID          string   `json:"_id"`
				Departments []string `json:"departments"`
			}
			Total int
		}
		if err := a.rest.call(ctx, request{route: "GET livechat/users/agent", query: q}, &out); err != nil || len(out.Users) == 0 {
			return 0, 0, err
		}
		if department != "" && id == "" {
			var err error
			if id, err = a.departmentID(ctx, department); err != nil {
				return 0, 0, err
			}
		}
		for _, u := range out.Users {
			if id == "" || u.Departments == nil || slices.Contains(u.Departments, id) { // an older server doesn't say it
				there = true
				return 0, 0, nil
			}
		}
		return len(out.Users), out.Total, nil
	})
	return there, err
}

// departmentID is the ID of a department that is named by it or by its name.
func (a *Adapter) departmentID(ctx context.Context, department string) (string, error) {
	var out struct {
		Departments []struct {
			ID   string `json:"_id"`
			Name string `json:"name"`
		}
	}
	// Its name is matched as a part, so that an ID finds nothing.
	if err := a.rest.call(ctx, request{route: "GET livechat/department", query: url.Values{"text": {department}, "count": {"100"}}}, &out); err != nil {
		return "", err
	}
	for _, d := range out.Departments {
		if d.Name == department {
			return d.ID, nil
		}
	}
	return department, nil
}

// Omnichannel reports whether the workspace has the customer service switched
// on, and whether the bot may use it.
func (a *Adapter) Omnichannel(ctx context.Context) (bool, error) {
	c, err := a.service(ctx)
	return c.Enabled, err
}

// service is how the customer service is set up.
type service struct {
	Enabled  bool
	Settings struct {
		FileUpload *bool           `json:"fileUpload"`
		Limit      json.RawMessage `json:"limitTextLength"` // a number, or false
	} `json:"settings"`
}

// files reports whether customers' files are taken.
func (s service) files() bool { return s.Settings.FileUpload == nil || *s.Settings.FileUpload }

// service asks how the customer service is set up.
func (a *Adapter) service(ctx context.Context) (service, error) {
	var out struct{ Config service }
	err := a.rest.call(ctx, request{route: publicCall}, &out)
	return out.Config, err
}

// publicCall is a call that is limited as those of customers are, and harmless.
const publicCall = "GET livechat/config"
