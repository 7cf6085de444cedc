package rocketchat

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

var (
	_ bot.Directory = (*Adapter)(nil)
	_ bot.Namer     = (*Adapter)(nil)
)

// Person tells who somebody is. See [bot.Directory].
func (a *Adapter) Person(ctx context.Context, user bot.UserRef) (bot.User, error) {
	id, ok := userID(user)
	if !ok {
		return bot.User{}, gone("person")
	}
	p, err := a.person(ctx, id)
	return p.user(), err
}

func (a *Adapter) person(ctx context.Context, id string) (person, error) {
	a.mu.Lock()
	p, ok := a.people[id]
	a.mu.Unlock()
	if ok && p.Username != "" {
		return p, nil
	}
	return a.lookPerson(ctx, "userId", id)
}

// lookPerson asks for a person by a key of theirs.
func (a *Adapter) lookPerson(ctx context.Context, key, value string) (person, error) {
	var out struct{ User person }
	switch err := a.ask(ctx, request{route: "GET users.info", query: url.Values{key: {value}}}, &out); {
	case aboutPeople(code(err)):
		return person{}, gone("person")
	case err != nil:
		return person{}, err
	}
	// The server looks for IDs and names alike, and people choose their names.
	found := map[string]string{"userId": out.User.ID, "username": out.User.Username}[key]
	if userRef(out.User.ID) == "" || !strings.EqualFold(found, value) {
		return person{}, gone("person")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	bound(a.people)
	a.people[out.User.ID] = out.User
	return out.User, nil
}

// shownAs is a person's name, as far as it is known.
func (a *Adapter) shownAs(u bot.UserRef) string {
	id, _ := userID(u)
	a.mu.Lock()
	defer a.mu.Unlock()
	return cmp.Or(a.people[id].user().Name, id, string(u))
}

// PersonNamed finds a person by username. See [bot.Namer].
func (a *Adapter) PersonNamed(ctx context.Context, name string) (bot.User, error) {
	p, err := a.lookPerson(ctx, "username", name)
	return p.user(), err
}

// named is the person with a username. Somebody who wrote nothing since the
// start is asked for; of one who is not there any more the name is known and no
// more. Its error says to ask again.
func (a *Adapter) named(ctx context.Context, username string) (person, error) {
	a.mu.Lock()
	for _, p := range a.people {
		if p.Username == username {
			a.mu.Unlock()
			return p, nil
		}
	}
	a.mu.Unlock()
	p, err := a.lookPerson(ctx, "username", username)
	switch {
	case err == nil:
		return p, nil
	case unsure(err):
		return person{}, err
	}
	a.log.WarnContext(ctx, "who set a reaction is not known", "err", err)
	return person{Username: username}, nil
}

// The stream that tells every user of what became of others.
const (
	loggedStream = "stream-notify-logged"
	nameChanged  = "Users:NameChanged"
)

// watchNames forgets what people were called before and hears of new names. A
// server that does not tell of them is no worse than one that was not asked.
func (a *Adapter) watchNames(ctx context.Context, rt *realtime) error {
	_, err := rt.subscribe(ctx, loggedStream, nameChanged)
	if code(err) != "" {
		a.log.WarnContext(ctx, "new names of people are heard late", "err", err)
		err = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.people)
	return err
}

// renamed notes that somebody has another name now. Names are what rooms and
// mentions are made with, and an old one may be somebody else's tomorrow.
func (a *Adapter) renamed(raw json.RawMessage) {
	var p person
	if json.Unmarshal(raw, &p) != nil || !idRE.MatchString(p.ID) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.me.ID == p.ID {
		a.me.Name, a.me.Username = cmp.Or(p.Name, a.me.Name), cmp.Or(p.Username, a.me.Username)
	}
	delete(a.people, p.ID) // what does not stand in the notice is asked for
}

// direct is the room that a person and the bot have alone.
func (a *Adapter) direct(ctx context.Context, uid string) (string, error) {
	p, err := a.person(ctx, uid)
	if err != nil {
		return "", err
	}
	rid, err := a.directNamed(ctx, p)
	if code(err) != codeOtherName {
		return rid, err
	}
	if p, err = a.lookPerson(ctx, "userId", uid); err != nil {
		return "", err
	}
	return a.directNamed(ctx, p)
}

// codeOtherName is the code of a person who is not called so any more.
const codeOtherName = "other_name"

// directNamed makes the room of a person and the bot, which is done by name. Of
// a name that is nobody's the server makes a room of the bot alone, and one that
// was given away leads to somebody else.
func (a *Adapter) directNamed(ctx context.Context, p person) (string, error) {
	var out struct {
		Room struct {
			room
			Usernames []string `json:"usernames"`
		}
	}
	err := a.rest.call(ctx, request{route: "POST im.create", body: map[string]string{"username": p.Username}}, &out)
	r := out.Room.room
	other := &bot.Error{Code: codeOtherName, Message: "Rocket.Chat opens no room with this person: their name has changed."}
	switch c := code(err); {
	case c == "error-invalid-user", c == "error-user-not-found":
		return "", other
	case err != nil:
		return "", err
	case len(out.Room.Usernames) > 0 && !slices.Contains(out.Room.Usernames, p.Username), a.elsewhose(r.ID, p.ID):
		return "", other
	}
	r.Kind = "d"
	a.remember(r)
	return r.ID, nil
}

// elsewhose reports whether a room is surely another's than that of a person and
// the bot: most are called by the IDs of both.
func (a *Adapter) elsewhose(rid, uid string) bool {
	me := a.o.UserID
	of, first := strings.CutPrefix(rid, me)
	if !first {
		of, first = strings.CutSuffix(rid, me)
	}
	return first && of != uid
}
