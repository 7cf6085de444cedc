package rocketchat

import (
	"context"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// maxLooked bounds how many names of a command are looked up.
const maxLooked = 5

// namesIn are the people whom the words of a command name: the server tells it
// of messages, the companion app can't. Whoever is not found is not told.
func (a *Adapter) namesIn(ctx context.Context, words string) (out []bot.Named) {
	looked := 0
	for w := range strings.FieldsSeq(words) {
		name, ok := strings.CutPrefix(w, "@")
		if !ok || !idRE.MatchString(name) || looked == maxLooked {
			continue
		}
		looked++
		u, err := a.PersonNamed(ctx, name)
		if err != nil || u.Ref == "" || !strings.EqualFold(u.Handle, name) {
			continue
		}
		out = append(out, bot.Named{Text: w, Name: u.Name, User: u.Ref})
	}
	return out
}
