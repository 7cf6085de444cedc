package commands

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/store"
)

// TestSettings: each setting of the app that Perch succeeds is shown, changed by
// an admin, at once and on record; what it does not take is answered with what it does.
func TestSettings(t *testing.T) {
	ada, rio, sam, _ := people()
	scene(t, func(t *testing.T, w *world) {
		now := func() (s desk.Settings) {
			w.update(func(tx store.Tx) (err error) { s, err = w.r.Desk.Settings(tx); return err })
			return s
		}
		for _, x := range []struct{ key, label, good, shown, bad, says string }{
			{"default_department", "Default Department", "support", "Support", "nowhere", "The departments are: support"},
			{"service_unavailable", "Service Unavailable Message", "Back at nine.", "Back at nine.", strings.Repeat("x", desk.MaxText+3), "Shorten it by 3"},
			{"welcome", "Welcome Message", "Hello!\nOne moment.", "Hello!\nOne moment.", strings.Repeat("ä", desk.MaxText+1), "Shorten it by 1"},
			{"finished", "Conversation Finished Message", "Bye.", "Bye.", strings.Repeat("x", desk.MaxText+1), "Shorten it"},
			{"agents_display_name", "Agents Display Name", "username", "username", "nick", "Choose none, name or username."},
			{"file_upload", "File Upload Enabled", "off", "off", "maybe", "Choose on or off."},
			{"file_upload", "File Upload Enabled", "ON", "on", "-", "Choose on or off."},
			{"max_upload", "Maximum Upload Size", "15 MB", "15 MB", "lots", "Give a size such as 5MB"},
			{"media_types", "Accepted Media Types", "image/*, Video/MP4", "image/*, video/mp4", "pictures", "image/*, video/mp4"},
			{"media_types", "Accepted Media Types", "-", "all pictures and videos", "*/png", "image/*, video/mp4"},
		} {
			for _, who := range []string{"rio", "sam"} {
				u := rio
				if who == "sam" {
					u = sam
				}
				has(t, who+" "+x.key, w.say(u, "/twitter settings "+x.key+" "+x.good), "Only an admin")
			}
			was := now()
			has(t, x.key+" "+clip(x.bad), w.say(ada, "/twitter settings "+x.key+" "+x.bad), x.says)
			if got := now(); got.Value(x.key) != was.Value(x.key) {
				t.Errorf("%s became %q by %q", x.key, got.Value(x.key), clip(x.bad))
			}
			has(t, x.key, w.say(ada, "/twitter settings "+x.key+" "+x.good), "Changed "+x.key+" to: "+strings.Split(x.shown, "\n")[0])
			has(t, "settings", w.say(ada, "/twitter settings"), x.label+": "+strings.Split(x.shown, "\n")[0])
		}
		var changes []desk.SettingChange
		w.update(func(tx store.Tx) (err error) { changes, err = w.r.Desk.SettingChanges(tx, 100); return err })
		for _, c := range changes {
			if c.By != string(ada.Ref) || c.Was == c.Now || c.At.IsZero() {
				t.Errorf("on record is %+v", c)
			}
		}
		if len(changes) < 7 {
			t.Errorf("%d changes are on record", len(changes))
		}
		shown := w.say(ada, "/twitter settings")
		has(t, "settings", shown, "Last changed: media_types", "Before: ", string(ada.Ref))

		has(t, "by its label", w.say(ada, "/twitter settings Welcome_Message Hi."), "Changed welcome to: Hi.")
		has(t, "misspelt", w.say(ada, "/twitter settings welcom Hi."), "Did you mean /twitter settings welcome?")
		has(t, "unknown", w.say(ada, "/twitter settings colour red"), "There is no such setting", "default_department")
		for words, says := range map[string]string{
			"welcome":                           "Write the text behind it: /twitter settings welcome …, or - to switch it off",
			"Welcome Message":                   "Write the text behind it",
			"default_department":                "or - for the one that Perch was started with",
			"agents_display_name":               "Write none, name or username behind it",
			"file_upload":                       "Write on or off behind it",
			"max_upload":                        "5MB",
			"media_types":                       "- for all pictures and videos",
			"Welcome Message: Hi there":         "Changed welcome to: Hi there",
			"welcome: Message received":         "Changed welcome to: Message received",
			"welcome message received":          "Put a colon where the text begins: /twitter settings welcome: received",
			"Conversation Finished Message Bye": "Changed finished to: Bye",
			"agents display name Username":      "Changed agents_display_name to: username",
			"Accepted Media Type image/png":     "Changed media_types to: image/png",
			"Default Department -":              "Changed default_department to: the first one",
			"welcomes Hi":                       "Did you mean /twitter settings welcome?",
		} {
			has(t, words, w.say(ada, "/twitter settings "+words), says)
		}
	})
}
