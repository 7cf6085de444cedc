package rocketchat

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// TestShownName: whatever customers call themselves, it stays clear who they are
// and that they come from X.
func TestShownName(t *testing.T) {
	long := strings.Repeat("x", 200)
	for want, v := range map[string]bot.Visitor{
		"Ana (@ana) on X":                           {Name: "Ana", Handle: "ana"},
		"Ana (@ana) on X to @acme":                  {Name: "Ana", Handle: "ana", Account: "acme"},
		"Somebody on X":                             {Name: " \n\t"},
		"Ana Lee (@ana) on X":                       {Name: " Ana \n\t Lee ", Handle: "ana"},
		"Ana (@ana) on X to @acme ":                 {Name: "Ana\u202e\u2067\u200f", Handle: "ana", Account: "acme"},
		strings.Repeat("x", 80) + "… (@ana) on X":   {Name: long, Handle: "ana"},
		"\U0001F469\u200d\U0001F680 (@ana) on X":    {Name: "\U0001F469\u200d\U0001F680", Handle: "ana"},
		"Public post of Ana (@ana) on X to @acme_x": {Name: "Public post of Ana", Handle: "ana", Account: "acme_x"},
	} {
		if got := shownName(v); got != strings.TrimSpace(want) {
			t.Errorf("shownName(%q) = %q, want %q", v.Name, got, want)
		}
	}
}
