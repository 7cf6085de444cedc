package rocketchat

import (
	"context"
	"errors"

	"github.com/perch-chat/perch/bot"
)

// examineApp looks whether the companion app hears Perch. answers is whether it
// does. Without a secret nobody wants it.
func (a *Adapter) examineApp(ctx context.Context) (out []bot.Finding, answers bool) {
	if a.o.AppSecret == "" {
		return nil, false
	}
	const about = "companion app"
	err := a.tellApp(ctx, map[string]any{"type": "hello", "bot": a.o.UserID}, nil)
	r, refused := errors.AsType[*appRefusal](err)
	switch {
	case err == nil:
		return []bot.Finding{{About: about, Text: "The companion app answers: commands, buttons and forms are Rocket.Chat's own, and conversations come from \"" + sourceLabel + "\"."}}, true
	case code(err) == codeNoApp:
		return []bot.Finding{{
			About: about, Text: "The companion app is not in this workspace, not enabled, or older than this Perch. All works without it.",
			Do: "Install it and enable it (Administration, Apps, Private Apps; Community workspaces can't enable it), or empty chat.rocketchat.app_secret.",
		}}, false
	case refused && r.code == "unauthorized":
		return []bot.Finding{{
			About: about, Text: "The companion app does not know Perch: the shared secret in its settings is another one.",
			Do: "Copy chat.rocketchat.app_secret into Administration, Apps, Twitter, Settings.", Serious: true,
		}}, false
	case refused:
		return []bot.Finding{{About: about, Text: "The companion app refuses what Perch says: " + r.message, Do: "Set both clocks right, and install the app that belongs to this version of Perch.", Serious: true}}, false
	}
	return []bot.Finding{{About: about, Text: "The companion app does not answer. All works without it.", Do: connecting(err) + " See the app's logs in Administration, Apps."}}, false
}
