package desk

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// MaxText is how long a direct message may be: Twitter's configuration gave it
// as dm_text_character_limit; the documents of X's API v2 name no number.
const MaxText = 10_000

// ReplyClaimed lets only the words of a conversation's owner go out.
const ReplyClaimed = "claimed"

// The ways to show the agent to the customer.
const (
	NameNone     = "none"     // not at all: the account speaks
	NameName     = "name"     // "^Sam Lee" behind the text
	NameUsername = "username" // "^sam" behind the text
)

// Settings are what can be changed while Perch runs. An empty text switches
// the message off.
type Settings struct {
	DefaultDepartment  string   `json:"default_department"`  // whose agents serve what comes in
	ServiceUnavailable string   `json:"service_unavailable"` // to the customer when nobody is on duty
	Welcome            string   `json:"welcome"`             // to the customer, once a conversation
	Finished           string   `json:"finished"`            // to the customer when the conversation is closed
	AgentsDisplayName  string   `json:"agents_display_name"` // NameNone, NameName or NameUsername
	FileUpload         bool     `json:"file_upload"`         // whether files go between customers and agents
	MaxUpload          int64    `json:"max_upload"`          // bytes a file
	MediaTypes         []string `json:"media_types"`         // "image/*", "video/mp4"; none means all pictures and videos
	ReplyMode          string   `json:"reply_mode"`          // ReplyClaimed
}

func (s Settings) withDefaults() Settings {
	if s.AgentsDisplayName == "" {
		s.AgentsDisplayName = NameNone
	}
	if s.MaxUpload == 0 {
		s.MaxUpload = 5 << 20 // X takes images of up to 5 MB
	}
	if s.ReplyMode == "" {
		s.ReplyMode = ReplyClaimed
	}
	return s
}

// setting is a stored value, which counts before the one of the start.
type setting struct {
	Key   string    `json:"key"`
	Value string    `json:"value"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// SettingChange is a setting that somebody changed. It is stored as JSON:
// fields are added, never renamed.
type SettingChange struct {
	ID  string    `json:"id"`
	Key string    `json:"key"`
	Was string    `json:"was"`
	Now string    `json:"now"`
	By  string    `json:"by"`
	At  time.Time `json:"at"`
}

func settings() store.Table[setting] {
	return store.Table[setting]{Name: "desk_settings", Key: func(s setting) []byte { return store.Key(s.Key) }}
}

func settingChanges() store.Table[SettingChange] {
	return store.Table[SettingChange]{Name: "desk_setting_changes", Key: func(c SettingChange) []byte { return store.Key(c.ID) }}
}

// SettingKeys are the settings' names, in the order to show them.
func SettingKeys() []string {
	return []string{
		"default_department", "service_unavailable", "welcome", "finished", "agents_display_name",
		"file_upload", "max_upload", "media_types", "reply_mode",
	}
}

// Value returns a setting as text, as Set takes it.
func (s Settings) Value(key string) string {
	switch key {
	case "default_department":
		return s.DefaultDepartment
	case "service_unavailable":
		return s.ServiceUnavailable
	case "welcome":
		return s.Welcome
	case "finished":
		return s.Finished
	case "agents_display_name":
		return s.AgentsDisplayName
	case "file_upload":
		return strconv.FormatBool(s.FileUpload)
	case "max_upload":
		return strconv.FormatInt(s.MaxUpload, 10)
	case "media_types":
		return strings.Join(s.MediaTypes, ", ")
	case "reply_mode":
		return s.ReplyMode
	}
	return ""
}

// With returns the settings with one changed. The error is an *[Error] that
// says what the setting takes.
func (s Settings) With(key, value string) (Settings, error) {
	value = strings.TrimSpace(value)
	invalid := func(format string, args ...any) (Settings, error) {
		return s, &Error{Code: CodeInvalid, Field: key, Message: fmt.Sprintf(format, args...)}
	}
	switch key {
	case "default_department":
		if value == "" {
			return invalid("Name a department.")
		}
		s.DefaultDepartment = value
	case "service_unavailable", "welcome", "finished":
		if n := utf8.RuneCountInString(value); n > MaxText {
			return invalid("The message has %d characters; X takes %d. Shorten it by %d.", n, MaxText, n-MaxText)
		}
		switch key {
		case "service_unavailable":
			s.ServiceUnavailable = value
		case "welcome":
			s.Welcome = value
		default:
			s.Finished = value
		}
	case "agents_display_name":
		value = strings.ToLower(value)
		if !slices.Contains([]string{NameNone, NameName, NameUsername}, value) {
			return invalid("Choose none, name or username.")
		}
		s.AgentsDisplayName = value
	case "file_upload":
		switch strings.ToLower(value) {
		case "true", "on", "yes":
			s.FileUpload = true
		case "false", "off", "no":
			s.FileUpload = false
		default:
			return invalid("Choose on or off.")
		}
	case "max_upload":
		n, ok := parseSize(value)
		if !ok {
			return invalid("Give a size such as 5MB, of at most 512MB.")
		}
		if n < minUpload {
			return invalid("No picture has as little as %s. Give a size such as 5MB, of at most 512MB.", size(n))
		}
		s.MaxUpload = n
	case "media_types":
		list, bad := parseMediaTypes(value)
		if bad != "" {
			return invalid("%q is no media type. Write for example: image/*, video/mp4.", bad)
		}
		if i := slices.IndexFunc(list, never); i >= 0 {
			return invalid("%s can't go to X, which takes pictures and videos only. Write for example: image/*, video/mp4.", list[i])
		}
		s.MediaTypes = list
	case "reply_mode":
		if value != ReplyClaimed {
			return invalid("Choose claimed: what the owner of a conversation writes goes out, nothing else does.")
		}
		s.ReplyMode = value
	default:
		names := slices.DeleteFunc(SettingKeys(), func(k string) bool { return k == "reply_mode" }) // it takes one value
		return invalid("There is no such setting. The settings are: %s.", strings.Join(names, ", "))
	}
	return s, nil
}

const (
	maxUpload = 512 << 20 // https://docs.x.com/x-api/media: the largest video
	minUpload = 1 << 10   // less is a number whose unit was forgotten
)

// never reports whether X takes no files of a type.
func never(mediaType string) bool {
	return !strings.HasPrefix(mediaType, "image/") && !strings.HasPrefix(mediaType, "video/")
}

func parseSize(s string) (int64, bool) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		size   int64
	}{{"MIB", 1 << 20}, {"MB", 1 << 20}, {"M", 1 << 20}, {"KIB", 1 << 10}, {"KB", 1 << 10}, {"K", 1 << 10}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = rest, u.size
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > maxUpload/unit {
		return 0, false
	}
	return n * unit, true
}

func parseMediaTypes(s string) (list []string, bad string) {
	for part := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		if part == "*/*" {
			continue
		}
		typ, params, err := mime.ParseMediaType(part)
		major, minor, ok := strings.Cut(typ, "/")
		if err != nil || len(params) > 0 || !ok || major == "" || major == "*" || minor == "" {
			return nil, part
		}
		list = append(list, typ)
	}
	return list, ""
}

// accepts says why a file is not to be shown, or nothing.
func (s Settings) accepts(f File) string {
	switch {
	case !s.FileUpload:
		return "files are switched off"
	case f.Size > s.MaxUpload:
		return fmt.Sprintf("it has %s, more than the %s that are allowed", size(f.Size), size(s.MaxUpload))
	case len(s.MediaTypes) == 0:
		return ""
	}
	typ := strings.ToLower(f.Type)
	major, _, _ := strings.Cut(typ, "/")
	if slices.Contains(s.MediaTypes, typ) || slices.Contains(s.MediaTypes, major+"/*") {
		return ""
	}
	if typ == "" {
		return "its type is not known"
	}
	return typ + " is not accepted"
}

func size(n int64) string {
	switch {
	case n >= 1<<20:
		return strconv.FormatInt((n+1<<20-1)>>20, 10) + " MB"
	case n >= 1<<10:
		return strconv.FormatInt((n+1<<10-1)>>10, 10) + " KB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// Settings returns what counts now: what was set, and for the rest what Perch
// was started with.
func (d *Desk) Settings(tx store.Tx) (Settings, error) {
	s := d.opt.Settings
	for rec, err := range settings().Scan(tx, store.Range{}) {
		if err != nil {
			return Settings{}, err
		}
		next, err := s.With(rec.Key, rec.Value)
		if err != nil {
			// It was valid when it was set; a program that knows less goes on without it.
			continue
		}
		s = next
	}
	return s, nil
}

// Set changes a setting, from now on, and keeps who did it. An empty default
// department is the one that Perch was started with. Errors for people are
// *[Error].
func (d *Desk) Set(tx store.Tx, key, value, by string) (Settings, error) {
	was, err := d.Settings(tx)
	if err != nil {
		return Settings{}, err
	}
	if key == "default_department" && strings.TrimSpace(value) == "" {
		if err := settings().Delete(tx, store.Key(key)); err != nil {
			return was, err
		}
		s, err := d.Settings(tx)
		if err != nil || was.Value(key) == s.Value(key) {
			return s, err
		}
		return s, d.settingChanged(tx, was, s, key, by)
	}
	s, err := was.With(key, value)
	if err != nil {
		return was, err
	}
	if key == "default_department" {
		dep, err := d.Department(tx, s.DefaultDepartment)
		if e, ok := errors.AsType[*Error](err); ok && e.Code == CodeNotFound {
			made, is, merr := d.liveDepartment(tx, s.DefaultDepartment)
			if merr != nil {
				return was, merr
			}
			if is {
				dep, err = made, nil
			}
		}
		if err != nil {
			return was, err
		}
		s.DefaultDepartment = dep.ID
	}
	if was.Value(key) == s.Value(key) {
		return s, nil
	}
	if err := settings().Put(tx, setting{Key: key, Value: s.Value(key), By: by, At: now()}); err != nil {
		return was, err
	}
	return s, d.settingChanged(tx, was, s, key, by)
}

// settingChanged puts a changed setting on record.
func (d *Desk) settingChanged(tx store.Tx, was, s Settings, key, by string) error {
	if key == "default_department" {
		if err := d.rerouteWaiting(tx); err != nil {
			return err
		}
	}
	if d.opt.OnSetting != nil {
		tx.OnCommit(d.opt.OnSetting)
	}
	return settingChanges().Put(tx, SettingChange{ID: id.New(), Key: key, Was: was.Value(key), Now: s.Value(key), By: by, At: now()})
}

// DefaultDepartment names the department that serves what comes in, as it is
// set: nothing if none is, or if the chat chooses one of its own, which chosen
// says.
func (d *Desk) DefaultDepartment(tx store.Tx, s Settings) (name string, chosen bool, err error) {
	if s.DefaultDepartment == "" {
		return "", false, nil
	}
	dep, ok, err := departments().Find(tx, store.Key(s.DefaultDepartment))
	if err != nil || !ok {
		return s.DefaultDepartment, false, err
	}
	if _, there, live := bot.LiveDepartment(dep.Channel); live && there == "" {
		return "", true, nil
	}
	return dep.Name, false, nil
}

// SettingChanges returns the newest changes of settings, newest first.
func (d *Desk) SettingChanges(tx store.Tx, limit int) ([]SettingChange, error) {
	return store.Collect(settingChanges().Scan(tx, store.Range{Reverse: true, Limit: limit}))
}
