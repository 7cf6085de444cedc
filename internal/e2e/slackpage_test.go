package e2e

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// slackPage draws a workspace about as Slack does, for pictures: read only,
// from what the stand-in says that a person sees.
//
//	/?as=ada&in=setup[&thread=TS]   a channel, with a thread beside it
//	/?as=ada&home=1                 the person's page of the app
//
// A form that the person has open lies above either.
type slackPage struct{ s *slackStage }

func (p slackPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	who, place, thread := q.Get("as"), q.Get("in"), q.Get("thread")
	me := p.s.uid(who)
	var b strings.Builder
	b.WriteString(`<nav><h1>Acme</h1><p>Channels</p>`)
	for _, name := range []string{"incidents", "setup", "support"} {
		on := ""
		if name == place {
			on = " class=on"
		}
		fmt.Fprintf(&b, "<a%s># %s</a>", on, esc(name))
	}
	on := ""
	if q.Has("home") {
		on = " class=on"
	}
	fmt.Fprintf(&b, `<p>Apps</p><a%s><i class=app>P</i> Perch</a><footer>%s</footer></nav>`, on, esc(crew()[who]))
	switch {
	case q.Has("home"):
		v, _ := p.s.Home(me)
		fmt.Fprintf(&b, `<main class=home><header><b>Perch</b><span class=tab>Home</span><span>Messages</span></header><div class=list>%s</div></main>`, p.blocks(v.Blocks))
	default:
		p.channel(&b, me, place, thread)
	}
	for _, v := range p.s.Views(me) {
		fmt.Fprintf(&b, `<div class=veil><section class=modal><h2>%s</h2><div>%s</div><footer><button>Cancel</button><button class=primary>%s</button></footer></section></div>`,
			esc(v.Title), p.blocks(v.Blocks), esc(v.Submit))
	}
	_, _ = fmt.Fprintf(w, "<!doctype html><meta charset=utf-8><title>Slack</title><link rel=icon href=data:,><style>%s</style><body data-ready>%s</body>", pageStyle, b.String())
}

func (p slackPage) channel(b *strings.Builder, me, place, thread string) {
	room := p.s.ChannelID(place)
	all := p.s.Messages(room)
	for _, m := range p.s.Ephemerals(me) {
		if m.Channel == room {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(x, y slackfake.Message) int { return strings.Compare(x.TS, y.TS) })
	replies := map[string]int{}
	for _, m := range all {
		if m.ThreadTS != "" && m.ThreadTS != m.TS {
			replies[m.ThreadTS]++
		}
	}
	fmt.Fprintf(b, "<main><header># %s</header><div class=list>", esc(place))
	for _, m := range all {
		if m.ThreadTS == "" || m.ThreadTS == m.TS {
			b.WriteString(p.message(m, replies[m.TS]))
		}
	}
	b.WriteString("</div></main>")
	if thread == "" {
		return
	}
	b.WriteString("<aside><header>Thread</header><div class=list>")
	for _, m := range all {
		if m.TS == thread || m.ThreadTS == thread {
			b.WriteString(p.message(m, 0))
		}
	}
	b.WriteString("</div></aside>")
}

func esc(s string) string { return template.HTMLEscapeString(s) }

func (p slackPage) message(m slackfake.Message, replies int) string {
	name, face := m.User, ""
	for handle, real := range crew() {
		if p.s.uid(handle) == m.User {
			name, face = real, real[:1]
		}
	}
	app := ""
	if m.BotID != "" {
		name, face, app = "Perch", "P", "<em>APP</em>"
		if m.Username != "" {
			name, face = m.Username, m.Username[:1]
		}
	}
	var b strings.Builder
	class := "msg"
	if m.Ephemeral {
		class += " alone"
	}
	fmt.Fprintf(&b, `<article class="%s">`, class)
	if m.Pinned {
		b.WriteString("<small>📌 Pinned by Perch</small>")
	}
	if m.Ephemeral {
		b.WriteString("<small>👁 Only visible to you</small>")
	}
	if strings.HasPrefix(m.Icon, "http") {
		fmt.Fprintf(&b, `<img class=face src="%s" alt="">`, esc(m.Icon))
	} else {
		colour := 0
		for _, r := range face {
			colour = int(r) % 5
		}
		fmt.Fprintf(&b, `<i class="face f%d">%s</i>`, colour, esc(face))
	}
	fmt.Fprintf(&b, "<h3>%s%s</h3>", esc(name), app)
	if len(m.Blocks) > 0 {
		b.WriteString(p.blocks(m.Blocks))
	} else {
		b.WriteString("<p>" + p.mrkdwn(m.Text) + "</p>")
	}
	for _, f := range m.Files {
		fmt.Fprintf(&b, "<p class=file>📎 %s</p>", esc(f.Name))
	}
	if len(m.Reactions) > 0 {
		b.WriteString("<p class=signs>")
		for name, users := range m.Reactions {
			fmt.Fprintf(&b, "<span>%s %d</span>", emoji(name), len(users))
		}
		b.WriteString("</p>")
	}
	switch {
	case replies == 1:
		b.WriteString("<p class=more>1 reply</p>")
	case replies > 1:
		fmt.Fprintf(&b, "<p class=more>%d replies</p>", replies)
	}
	return b.String() + "</article>"
}

func emoji(name string) string {
	if s, ok := map[string]string{
		"white_check_mark": "✅", "warning": "⚠️", "hourglass_flowing_sand": "⏳", "lock": "🔒", "pushpin": "📌", "eyes": "👀", "checkered_flag": "🏁",
	}[name]; ok {
		return s
	}
	return esc(":" + name + ":")
}

type object = map[string]any

func str(o object, key string) string { s, _ := o[key].(string); return s }
func sub(o object, key string) object { s, _ := o[key].(object); return s }
func each(o object, key string) []object {
	list, _ := o[key].([]any)
	var out []object
	for _, x := range list {
		if e, ok := x.(object); ok {
			out = append(out, e)
		}
	}
	return out
}

func (p slackPage) blocks(raw json.RawMessage) string {
	var list []object
	if err := json.Unmarshal(raw, &list); err != nil {
		return esc(err.Error())
	}
	var b strings.Builder
	for _, o := range list {
		switch str(o, "type") {
		case "header":
			fmt.Fprintf(&b, "<h4>%s</h4>", p.text(sub(o, "text")))
		case "divider":
			b.WriteString("<hr>")
		case "image":
			fmt.Fprintf(&b, `<img class=picture src="%s" alt="%s">`, esc(str(o, "image_url")), esc(str(o, "alt_text")))
		case "section":
			b.WriteString("<div class=section>")
			if t := sub(o, "text"); t != nil {
				fmt.Fprintf(&b, "<p>%s</p>", p.text(t))
			}
			if f := each(o, "fields"); len(f) > 0 {
				b.WriteString("<div class=fields>")
				for _, t := range f {
					fmt.Fprintf(&b, "<p>%s</p>", p.text(t))
				}
				b.WriteString("</div>")
			}
			b.WriteString(p.element(sub(o, "accessory")) + "</div>")
		case "context":
			b.WriteString("<p class=context>")
			for _, e := range each(o, "elements") {
				b.WriteString(p.element(e) + " ")
			}
			b.WriteString("</p>")
		case "actions":
			b.WriteString("<p class=actions>")
			for _, e := range each(o, "elements") {
				b.WriteString(p.element(e))
			}
			b.WriteString("</p>")
		case "rich_text":
			for _, e := range each(o, "elements") {
				b.WriteString("<div>" + p.rich(e) + "</div>")
			}
		case "input":
			optional := ""
			if o["optional"] == true {
				optional = " <span>(optional)</span>"
			}
			fmt.Fprintf(&b, "<label>%s%s%s<small>%s</small></label>", p.text(sub(o, "label")), optional, p.element(sub(o, "element")), p.text(sub(o, "hint")))
		default:
			fmt.Fprintf(&b, "<p>%s</p>", p.text(sub(o, "text")))
		}
	}
	return b.String()
}

func (p slackPage) text(t object) string {
	if str(t, "type") == "mrkdwn" {
		return p.mrkdwn(str(t, "text"))
	}
	return strings.ReplaceAll(esc(str(t, "text")), "\n", "<br>")
}

func (p slackPage) element(o object) string {
	switch str(o, "type") {
	case "":
		return ""
	case "mrkdwn", "plain_text":
		return "<span>" + p.text(o) + "</span>"
	case "image":
		return fmt.Sprintf(`<img class=small src="%s" alt="%s">`, esc(str(o, "image_url")), esc(str(o, "alt_text")))
	case "button":
		return fmt.Sprintf(`<button class="%s">%s</button>`, esc(str(o, "style")), p.text(sub(o, "text")))
	case "plain_text_input":
		if o["multiline"] == true {
			return fmt.Sprintf("<textarea rows=4 placeholder=%q>%s</textarea>", esc(str(sub(o, "placeholder"), "text")), esc(str(o, "initial_value")))
		}
		return fmt.Sprintf(`<input value="%s" placeholder="%s">`, esc(str(o, "initial_value")), esc(str(sub(o, "placeholder"), "text")))
	}
	chosen := str(sub(sub(o, "initial_option"), "text"), "text")
	if chosen == "" {
		chosen = str(sub(o, "placeholder"), "text")
	}
	return "<span class=select>" + esc(chosen) + " ▾</span>"
}

func (p slackPage) rich(o object) string {
	var b strings.Builder
	for _, e := range each(o, "elements") {
		t := strings.ReplaceAll(esc(str(e, "text")), "\n", "<br>")
		switch str(e, "type") {
		case "rich_text_section":
			t = "<li>" + p.rich(e) + "</li>"
		case "link":
			if t == "" {
				t = esc(str(e, "url"))
			}
			t = "<a>" + t + "</a>"
		case "user":
			t = p.mention("@" + str(e, "user_id"))
		case "channel":
			t = p.mention("#" + str(e, "channel_id"))
		case "usergroup":
			t = p.mention("@" + str(e, "usergroup_id"))
		case "emoji":
			t = emoji(str(e, "name"))
		}
		st := sub(e, "style")
		for tag, key := range map[string]string{"b": "bold", "i": "italic", "code": "code", "s": "strike"} {
			if st[key] == true {
				t = "<" + tag + ">" + t + "</" + tag + ">"
			}
		}
		b.WriteString(t)
	}
	switch str(o, "type") {
	case "rich_text_quote":
		return "<blockquote>" + b.String() + "</blockquote>"
	case "rich_text_list":
		if str(o, "style") == "ordered" {
			return "<ol>" + b.String() + "</ol>"
		}
		return "<ul>" + b.String() + "</ul>"
	case "rich_text_section":
		return b.String()
	}
	return "<p>" + b.String() + "</p>"
}

func (p slackPage) mention(what string) string {
	for handle, real := range crew() {
		if what == "@"+p.s.uid(handle) {
			what = "@" + real
		}
	}
	if what == "@U0PERCHBOT" {
		what = "@Perch"
	}
	for _, name := range []string{"setup", "support", "incidents"} {
		if what == "#"+p.s.ChannelID(name) {
			what = "#" + name
		}
	}
	return "<a class=mention>" + esc(what) + "</a>"
}

var (
	controlRE = regexp.MustCompile(`<([^<>|]*)(?:\|([^<>]*))?>`)
	boldRE    = regexp.MustCompile(`\*([^*\n]+)\*`)
	codeRE    = regexp.MustCompile("`([^`\n]+)`")
)

// mrkdwn draws what Slack would: entities stay as they are, they are HTML's too.
func (p slackPage) mrkdwn(t string) string {
	t = controlRE.ReplaceAllStringFunc(t, func(m string) string {
		part := controlRE.FindStringSubmatch(m)
		switch {
		case strings.HasPrefix(part[1], "@") || strings.HasPrefix(part[1], "#"):
			return p.mention(part[1])
		case part[2] != "":
			return "<a>" + part[2] + "</a>"
		}
		return "<a>" + part[1] + "</a>"
	})
	t = boldRE.ReplaceAllString(t, "<b>$1</b>")
	t = codeRE.ReplaceAllString(t, "<code>$1</code>")
	return strings.ReplaceAll(t, "\n", "<br>")
}

const pageStyle = `
*{box-sizing:border-box}body{margin:0;display:flex;height:100vh;font:15px/1.45 Lato,"Noto Sans","DejaVu Sans",sans-serif;color:#1d1c1d;background:#fff;overflow:hidden}
nav{width:190px;background:#4a154b;color:#d8c9d9;padding:12px 0;position:relative}nav h1{font-size:18px;color:#fff;margin:0 16px 12px}nav p{margin:14px 16px 4px;font-size:13px;opacity:.8}
nav a{display:block;padding:3px 16px}nav a.on{background:#1164a3;color:#fff}nav footer{position:absolute;bottom:12px;left:16px;color:#fff}
main,aside{flex:1;display:flex;flex-direction:column;min-width:0}aside{border-left:1px solid #ddd;flex:0 0 47%}
header{padding:11px 18px;border-bottom:1px solid #ddd;font-weight:800;flex:none}.home header span{font-weight:400;margin-left:18px}.home header .tab{border-bottom:2px solid #1164a3}
.list{overflow:hidden;padding:8px 18px 14px;flex:1;display:flex;flex-direction:column;justify-content:flex-end}.home .list{display:block;max-width:860px}
.msg{position:relative;padding:5px 0 5px 46px;flex:none}.alone{background:#f8f8f8}.msg>small{display:block;color:#616061;font-size:12px;margin-left:0}.msg h3{margin:0;font-size:15px;line-height:1.3}
.msg h3 em{font:700 10px/1 sans-serif;background:#eee;color:#616061;border-radius:3px;padding:2px 4px;margin-left:6px;vertical-align:2px}
.list>:first-child{margin-top:auto}.face{position:absolute;left:0;bottom:auto;width:36px;height:36px;border-radius:6px;background:#0b7285;color:#fff;font:700 18px/36px sans-serif;text-align:center}.f1{background:#7a5cff}.f2{background:#d9480f}.f3{background:#2b8a3e}.f4{background:#862e9c}
.app{display:inline-block;width:18px;height:18px;border-radius:4px;background:#0b7285;color:#fff;font:700 12px/18px sans-serif;text-align:center}
p{margin:3px 0}h4{font-size:18px;margin:6px 0 4px}ol,ul{margin:3px 0;padding-left:26px}hr{border:0;border-top:1px solid #ddd;margin:10px 0}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:4px 16px}.context{font-size:12.5px;color:#616061}.small{width:18px;height:18px;border-radius:3px;vertical-align:-4px}
blockquote{margin:4px 0;border-left:4px solid #ddd;padding-left:12px}code{background:#f6f6f6;border:1px solid #ddd;border-radius:3px;color:#c01343;padding:0 3px;font-size:12.5px}
a{color:#1264a3}.mention{background:#e8f5fa;border-radius:3px;padding:0 2px}nav a{color:inherit}
.actions{display:flex;flex-wrap:wrap;gap:8px;margin:6px 0}button{font:700 13.5px/1 inherit;font-family:inherit;padding:8px 12px;border:1px solid #bbb;border-radius:4px;background:#fff;color:#1d1c1d}
button.primary{background:#007a5a;border-color:#007a5a;color:#fff}button.danger{background:#e01e5a;border-color:#e01e5a;color:#fff}
.signs span{border:1px solid #cfe3f1;background:#eef6fb;border-radius:12px;padding:1px 8px;font-size:12.5px;margin-right:5px}.more{color:#1264a3;font-size:13px;font-weight:700}.file{border:1px solid #ddd;border-radius:6px;padding:6px 10px;display:inline-block}
.veil{position:fixed;inset:0;background:rgb(0 0 0/.45);display:grid;place-items:center}.modal{background:#fff;width:520px;border-radius:8px;max-height:94vh;overflow:hidden}.modal h2{font-size:20px;margin:0;padding:16px 22px;border-bottom:1px solid #ddd}.modal>div{padding:10px 22px}.modal footer{padding:12px 22px;border-top:1px solid #ddd;display:flex;justify-content:flex-end;gap:10px}
label{display:block;font-weight:700;margin:10px 0}label small{display:block;font-weight:400;color:#616061;font-size:12.5px}label span{font-weight:400}input,textarea,.select{display:block;width:100%;font:15px/1.4 inherit;font-family:inherit;border:1px solid #888;border-radius:4px;padding:7px 10px;margin:4px 0;background:#fff;font-weight:400}
`
