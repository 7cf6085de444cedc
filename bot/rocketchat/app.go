package rocketchat

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// What the companion app (rocketchat-app/) sends. It signs
// "v1:<timestamp>:<body>" with the shared secret.
const (
	appWithin  = 5 * time.Minute
	maxAppBody = 64 << 10
	maxFields  = 50
	appLook    = time.Second // for the app, and the person, wait
)

// AppSettings are what an admin changed in the settings of the companion app.
// Without changes it is a question. It is stored as JSON: fields are added,
// never renamed.
type AppSettings struct {
	ID      string            `json:"id"`      // the same if it comes again
	By      string            `json:"by"`      // who did it, in words
	Changes map[string]string `json:"changes"` // new values by name
}

// told is a request of the app.
type told struct {
	Type string    `json:"type"` // command, action, submit, settings or bye
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	User struct {
		ID       string `json:"id"`
		Username string `json:"username"`
		Name     string `json:"name"`
	} `json:"user"`
	Room struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"room"`
	Thread  string `json:"thread"`  // the first message of the thread
	Message string `json:"message"` // on which the button stands
	Trigger string `json:"trigger"` // lets the app show this person a form, for a few seconds

	Command  string            `json:"command"`
	Text     string            `json:"text"`
	Value    string            `json:"value"` // of a button: see appPress
	View     string            `json:"view"`  // of a form: see sealForm
	Fields   map[string]string `json:"fields"`
	Settings map[string]string `json:"settings"`
}

// App takes what the companion app sends. It answers once that is stored. nil
// without [Options].AppSecret.
func (a *Adapter) App() http.Handler {
	if a.o.AppSecret == "" {
		return nil
	}
	return http.HandlerFunc(a.serveApp)
}

// refused is an answer that the app shows to the person. fields are what is
// wrong with those of a form.
type refused struct {
	status        int
	code, message string
	fields        map[string]string
}

func (r *refused) Error() string { return r.code }

// appAnswer is what the app is answered. Settings are those that count now,
// Messages those whose buttons the app may take away.
type appAnswer struct {
	OK       bool              `json:"ok"`
	Settings map[string]string `json:"settings,omitempty"`
	Messages []appMessage      `json:"messages,omitempty"`
	Error    *appError         `json:"error,omitempty"`
}

type appError struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
}

func (a *Adapter) serveApp(w http.ResponseWriter, r *http.Request) {
	answer, err := a.takeApp(w, r)
	status := http.StatusOK
	if ref, ok := errors.AsType[*refused](err); ok {
		status, answer = ref.status, appAnswer{Error: &appError{ref.code, ref.message, ref.fields}}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
	}
	answer.OK = status == http.StatusOK
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // who does not read it asks again
}

// takeApp checks a request and stores what it says. Its error is a *refused.
func (a *Adapter) takeApp(w http.ResponseWriter, r *http.Request) (answer appAnswer, err error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return answer, &refused{status: http.StatusMethodNotAllowed, code: "method", message: "The companion app posts here."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAppBody))
	if err != nil {
		return answer, &refused{status: http.StatusRequestEntityTooLarge, code: "too_long", message: "This is too long for Perch. Shorten it and try again."}
	}
	if err := a.appSigned(r.Header.Get("X-Perch-Timestamp"), r.Header.Get("X-Perch-Signature"), body); err != nil {
		return answer, err
	}
	var t told
	if err := json.Unmarshal(body, &t); err != nil || !idRE.MatchString(t.ID) {
		return answer, unclear("The companion app sent what Perch can't read.")
	}
	// The app going away does not undo what the person did.
	ctx := context.WithoutCancel(r.Context())
	switch t.Type {
	case "settings":
		answer.Settings, err = a.appSettings(ctx, t)
		if err == nil && len(t.Settings) == 0 {
			a.appHello() // it asks when it is switched on
		}
		return answer, err
	case "bye":
		answer.Messages = a.appBye(ctx, t.ID)
		return answer, nil
	case "submit":
		return answer, a.appSubmit(ctx, t)
	}
	return answer, a.appEvent(ctx, t)
}

// appEvent stores what somebody did.
func (a *Adapter) appEvent(ctx context.Context, t told) error {
	ev, err := a.toldEvent(t)
	if err != nil {
		return err
	}
	sink := a.sink.Load()
	if sink == nil {
		return starting()
	}
	if err := a.isThere(ctx, t); err != nil {
		return err
	}
	ev.Trigger = a.appTrigger(t.User.ID, t.Trigger)
	if ev.Kind == bot.EventAction && ev.Thread == "" {
		short, cancel := context.WithTimeout(ctx, appLook)
		err := a.placePress(short, &ev, message{Room: t.Room.ID, User: person{ID: t.User.ID}}, "")
		cancel()
		if err != nil {
			a.log.WarnContext(ctx, "where a button was pressed is not known", "event", ev.ID, "err", err)
			return notStored()
		}
	}
	if ev.Kind == bot.EventCommand {
		short, cancel := context.WithTimeout(ctx, appLook)
		ev.Names = a.namesIn(short, ev.Text)
		cancel()
	}
	if err := (*sink).Deliver(ctx, ev); err != nil {
		a.log.ErrorContext(ctx, "what the companion app sent is not stored", "event", ev.ID, "err", err)
		return notStored()
	}
	return nil
}

// appSigned reports whether the app signed the body, not long ago. What is
// wrong with the clock is told only to who knows the secret.
func (a *Adapter) appSigned(stamp, signature string, body []byte) error {
	mac := hmac.New(sha256.New, []byte(a.o.AppSecret))
	_, _ = io.WriteString(mac, "v1:"+stamp+":") // a hash takes everything
	_, _ = mac.Write(body)
	got, err := hex.DecodeString(signature)
	if err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		return &refused{
			status: http.StatusUnauthorized, code: "unauthorized",
			message: "Perch does not know this app. An admin copies chat.rocketchat.app_secret of Perch's configuration into the app's settings.",
		}
	}
	s, err := strconv.ParseInt(stamp, 10, 64)
	if age := time.Since(time.Unix(s, 0)); err != nil || age > appWithin || age < -appWithin {
		return &refused{
			status: http.StatusUnauthorized, code: "clock",
			message: "The clocks of Rocket.Chat and of Perch differ by more than 5 minutes. Whoever runs them sets them right; then try again.",
		}
	}
	return nil
}

func unclear(message string) error {
	return &refused{status: http.StatusBadRequest, code: "invalid", message: message + " Install the app that belongs to this version of Perch."}
}

func starting() error {
	return &refused{status: http.StatusServiceUnavailable, code: "starting", message: "Perch is just starting or stopping. Try again in a minute."}
}

func notStored() error {
	return &refused{status: http.StatusServiceUnavailable, code: "not_stored", message: "Perch could not store this. Nothing was done. Try again in a minute."}
}

// appSettings hands changed settings over and returns those that count then.
func (a *Adapter) appSettings(ctx context.Context, t told) (map[string]string, error) {
	if a.o.AppSettings == nil || len(t.Settings) > maxFields {
		return nil, unclear("Perch has no such settings.")
	}
	by := "Rocket.Chat app"
	if t.User.Username != "" {
		by += " (" + t.User.Username + ")"
	}
	now, err := a.o.AppSettings(ctx, AppSettings{ID: "app:" + t.ID, By: by, Changes: t.Settings})
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return nil, &refused{status: http.StatusUnprocessableEntity, code: e.Code, message: e.Message}
	}
	if err != nil {
		a.log.ErrorContext(ctx, "settings of the companion app are not stored", "id", t.ID, "err", err)
		return nil, notStored()
	}
	return now, nil
}

// toldEvent is what the request says. The same request has the same ID.
func (a *Adapter) toldEvent(t told) (bot.Event, error) {
	u := person{ID: t.User.ID, Username: t.User.Username, Name: t.User.Name}
	ev := bot.Event{
		ID: "app:" + t.ID, Platform: Platform, At: t.At.UTC(), User: u.user(), Channel: roomRef(t.Room.ID), ChannelName: t.Room.Name,
		Message: messageRef(t.Room.ID, t.Message), Thread: messageRef(t.Room.ID, t.Thread),
	}
	if age := time.Since(t.At); age > appWithin || age < -appWithin {
		ev.At = time.Now().UTC()
	}
	switch {
	case ev.User.Ref == "":
		return ev, unclear("The companion app does not say who did this.")
	case ev.Channel == "", t.Message != "" && ev.Message == "", t.Thread != "" && ev.Thread == "":
		return ev, unclear("The companion app does not say properly where this was done.")
	}
	switch t.Type {
	case "command":
		name := strings.ToLower(strings.TrimPrefix(t.Command, "/"))
		if !slices.Contains(orders(), name) {
			return ev, unclear("Perch has no such command.")
		}
		ev.Kind, ev.Command, ev.Text = bot.EventCommand, "/"+name, strings.TrimSpace(t.Text)
	case "action":
		p, ok := a.appPressed(t.Room.ID, t.Value)
		if !ok || t.Message != "" && t.Message != p.message {
			return ev, &refused{
				status: http.StatusUnprocessableEntity, code: "no_button",
				message: "Perch does not know this button any more. Look for a newer message, or use the command.",
			}
		}
		ev.Kind, ev.Action, ev.Value, ev.Ask, ev.Message = bot.EventAction, p.button, p.value, p.ask, messageRef(t.Room.ID, p.message)
	default:
		return ev, unclear("Perch does not know " + strconv.Quote(cut(cmp.Or(t.Type, "this"), maxLabel)) + ".")
	}
	return ev, nil
}
