package slack

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/perch-chat/perch/bot"
)

// preview shows a post as people on X will see it: who, the words, how long.
func (d *drawing) preview(p *bot.Preview) {
	if p == nil {
		return
	}
	who := cut(strings.TrimSpace(clean(p.Name)+" @"+clean(p.Account)), maxValue)
	elements := []slack.MixedElement{words(who)}
	if u, ok := safeURL(p.Avatar); ok && d.pictures {
		d.images = true
		elements = append([]slack.MixedElement{slack.NewImageBlockElement(u, who)}, elements...)
	}
	d.out = append(d.out, slack.NewContextBlock("", elements...))
	for i, part := range p.Parts {
		d.rich(quote, []bot.Span{bot.Plain(part)})
		var note string
		if len(p.Parts) > 1 {
			note = fmt.Sprintf("Post %d of %d", i+1, len(p.Parts))
		}
		if i < len(p.Counts) {
			if note != "" {
				note += " · "
			}
			note += fmt.Sprintf("%d of %d characters", p.Counts[i], p.Limit)
			if p.Limit > 0 && p.Counts[i] > p.Limit {
				note = "⚠ " + note
			}
		}
		if note != "" {
			d.out = append(d.out, contextBlock(words(note)))
		}
	}
}
