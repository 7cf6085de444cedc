package slackfake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of Block Kit: https://docs.slack.dev/reference/block-kit/blocks
const (
	maxMessageBlocks = 50
	maxViewBlocks    = 100
	maxMarkdown      = 12_000
	maxOption        = 75 // of an option's value; Slack's own pages say 75 and 150
)

// checker collects what is wrong with blocks, in the words that Slack uses.
type checker struct {
	errs     []string
	markdown int
	tables   int
	inputs   int
}

func (k *checker) bad(at, format string, args ...any) {
	k.errs = append(k.errs, "[ERROR] "+fmt.Sprintf(format, args...)+" [json-pointer:"+at+"]")
}

// fields are what a block or element may have; a leading ! is required.
func (k *checker) fields(at string, o obj, names string) {
	known := strings.Fields(names)
	for _, n := range known {
		if n, must := strings.CutPrefix(n, "!"); must && o[n] == nil {
			k.bad(at, "missing required field: %s", n)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(known, n) && !slices.Contains(known, "!"+n) && n != "type" {
			k.bad(at, "invalid additional property: %s", n)
		}
	}
}

func (k *checker) text(at string, v any, most int, kinds ...string) {
	if v == nil {
		return
	}
	o, ok := v.(obj)
	if !ok {
		k.bad(at, "failed to match all allowed schemas: a text object is wanted")
		return
	}
	typ, _ := o["type"].(string)
	if !slices.Contains(kinds, typ) {
		k.bad(at+"/type", "unsupported text type %q, wanted %s", typ, strings.Join(kinds, " or "))
	}
	if typ == "mrkdwn" {
		k.fields(at, o, "!text verbatim")
	} else {
		k.fields(at, o, "!text emoji")
	}
	k.str(at+"/text", o["text"], 1, most)
}

func (k *checker) plain(at string, v any, most int) { k.text(at, v, most, "plain_text") }

func (k *checker) str(at string, v any, least, most int) {
	if v == nil {
		return
	}
	s, ok := v.(string)
	n := utf8.RuneCountInString(s)
	switch {
	case !ok:
		k.bad(at, "must be a string")
	case n < least:
		k.bad(at, "must be more than %d characters", least-1)
	case n > most:
		k.bad(at, "must be less than %d characters", most+1)
	}
}

func (k *checker) list(at string, v any, least, most int, each func(at string, o obj)) {
	if v == nil {
		return
	}
	l, ok := v.([]any)
	switch {
	case !ok:
		k.bad(at, "must be an array")
		return
	case len(l) < least:
		k.bad(at, "must have at least %d items", least)
	case len(l) > most:
		k.bad(at, "no more than %d items allowed", most)
	}
	for i, x := range l {
		p := fmt.Sprintf("%s/%d", at, i)
		o, ok := x.(obj)
		if !ok {
			k.bad(p, "must be an object")
			continue
		}
		each(p, o)
	}
}

func checkBlocks(blocks []any, surface string) []string {
	k := &checker{}
	most := maxMessageBlocks
	if surface != "message" {
		most = maxViewBlocks
	}
	k.blocks("/blocks", blocks, most)
	return k.errs
}

func (k *checker) blocks(at string, blocks []any, most int) {
	seen := map[string]bool{}
	k.list(at, blocks, 0, most, func(at string, b obj) {
		k.block(at, b)
		if id, _ := b["block_id"].(string); id != "" {
			if seen[id] {
				k.bad(at+"/block_id", "`block_id` %q already exists", id)
			}
			seen[id] = true
			k.str(at+"/block_id", id, 1, 255)
		}
	})
}

func (k *checker) block(at string, b obj) {
	typ, _ := b["type"].(string)
	switch typ {
	case "section":
		k.fields(at, b, "text fields accessory block_id expand")
		if b["text"] == nil && b["fields"] == nil {
			k.bad(at, "missing required field: text")
		}
		k.text(at+"/text", b["text"], 3000, "plain_text", "mrkdwn")
		k.list(at+"/fields", b["fields"], 1, 10, func(p string, o obj) { k.text(p, o, 2000, "plain_text", "mrkdwn") })
		if o, ok := b["accessory"].(obj); ok {
			k.element(at+"/accessory", o, false)
		}
	case "header":
		k.fields(at, b, "!text block_id level")
		k.plain(at+"/text", b["text"], 150)
	case "divider":
		k.fields(at, b, "block_id")
	case "context":
		k.fields(at, b, "!elements block_id")
		k.list(at+"/elements", b["elements"], 1, 10, func(p string, o obj) {
			if o["type"] == "image" {
				k.image(p, o, false)
				return
			}
			k.text(p, o, 3000, "plain_text", "mrkdwn")
		})
	case "actions":
		k.fields(at, b, "!elements block_id")
		ids := map[any]bool{}
		k.list(at+"/elements", b["elements"], 1, 25, func(p string, o obj) {
			k.element(p, o, false)
			if id := o["action_id"]; id != nil && ids[id] {
				k.bad(p+"/action_id", "`action_id` %q already exists", id)
			} else {
				ids[id] = true
			}
		})
	case "image":
		k.image(at, b, true)
	case "input":
		k.inputs++
		k.fields(at, b, "!label !element block_id hint optional dispatch_action")
		k.plain(at+"/label", b["label"], 2000)
		k.plain(at+"/hint", b["hint"], 2000)
		if o, ok := b["element"].(obj); ok {
			k.element(at+"/element", o, true)
		}
	case "rich_text":
		k.fields(at, b, "!elements block_id")
		k.list(at+"/elements", b["elements"], 0, 1000, k.rich)
	case "markdown":
		k.fields(at, b, "!text block_id")
		k.str(at+"/text", b["text"], 1, maxMarkdown)
		t, _ := b["text"].(string)
		if k.markdown += utf8.RuneCountInString(t); k.markdown > maxMarkdown {
			k.bad(at, "markdown blocks hold more than %d characters in all", maxMarkdown)
		}
	case "table":
		k.fields(at, b, "!rows block_id column_settings")
		if k.tables++; k.tables > 1 {
			k.bad(at, "only_one_table_allowed")
		}
		rows, _ := b["rows"].([]any)
		if len(rows) > 100 {
			k.bad(at+"/rows", "no more than 100 items allowed")
		}
		for i, r := range rows {
			if cells, _ := r.([]any); len(cells) == 0 || len(cells) > 20 {
				k.bad(fmt.Sprintf("%s/rows/%d", at, i), "a row has 1 to 20 cells")
			}
		}
	case "video", "file", "context_actions":
		// Let through: Perch sends none.
	default:
		k.bad(at+"/type", "unsupported type: %s", typ)
	}
}

func (k *checker) image(at string, b obj, block bool) {
	if block {
		k.fields(at, b, "!alt_text image_url slack_file title block_id")
		k.plain(at+"/title", b["title"], 2000)
	} else {
		k.fields(at, b, "!alt_text image_url slack_file")
	}
	if b["image_url"] == nil && b["slack_file"] == nil {
		k.bad(at, "missing required field: image_url")
	}
	k.str(at+"/image_url", b["image_url"], 1, 3000)
	k.str(at+"/alt_text", b["alt_text"], 1, 2000)
	if u, ok := b["image_url"].(string); ok && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		k.bad(at+"/image_url", "must be a valid URL")
	}
}

func (k *checker) rich(at string, o obj) {
	switch o["type"] {
	case "rich_text_section":
		k.fields(at, o, "!elements")
	case "rich_text_preformatted":
		k.fields(at, o, "!elements border language")
	case "rich_text_quote":
		k.fields(at, o, "!elements border")
	case "rich_text_list":
		k.fields(at, o, "!elements !style indent border offset")
		if o["style"] != "bullet" && o["style"] != "ordered" {
			k.bad(at+"/style", "must be bullet or ordered")
		}
		k.list(at+"/elements", o["elements"], 0, 1000, k.rich)
		return
	default:
		k.bad(at+"/type", "unsupported type: %v", o["type"])
		return
	}
	k.list(at+"/elements", o["elements"], 0, 1000, func(at string, o obj) {
		want := map[any]string{
			"text": "!text style", "link": "!url text style unsafe", "emoji": "!name unicode style", "user": "!user_id style", "channel": "!channel_id style",
			"usergroup": "!usergroup_id style", "broadcast": "!range style", "date": "!timestamp !format url fallback style", "color": "!value", "team": "!team_id style",
		}[o["type"]]
		if want == "" {
			k.bad(at+"/type", "unsupported type: %v", o["type"])
			return
		}
		k.fields(at, o, want)
		if o["type"] == "text" {
			k.str(at+"/text", o["text"], 1, maxText)
		}
	})
}

// elementFields are the fields of each interactive element, after those that
// all have.
//
//nolint:gochecknoglobals // a table that never changes
var elementFields = map[string]string{
	"button":                     "!text url value style confirm accessibility_label",
	"static_select":              "options option_groups initial_option confirm focus_on_load placeholder",
	"multi_static_select":        "options option_groups initial_options confirm max_selected_items focus_on_load placeholder",
	"external_select":            "initial_option min_query_length confirm focus_on_load placeholder",
	"multi_external_select":      "initial_options min_query_length confirm max_selected_items focus_on_load placeholder",
	"users_select":               "initial_user confirm focus_on_load placeholder",
	"multi_users_select":         "initial_users confirm max_selected_items focus_on_load placeholder",
	"conversations_select":       "initial_conversation default_to_current_conversation confirm response_url_enabled filter focus_on_load placeholder",
	"multi_conversations_select": "initial_conversations default_to_current_conversation confirm max_selected_items filter focus_on_load placeholder",
	"channels_select":            "initial_channel confirm response_url_enabled focus_on_load placeholder",
	"multi_channels_select":      "initial_channels confirm max_selected_items focus_on_load placeholder",
	"overflow":                   "!options confirm",
	"checkboxes":                 "!options initial_options confirm focus_on_load",
	"radio_buttons":              "!options initial_option confirm focus_on_load",
	"datepicker":                 "initial_date confirm focus_on_load placeholder",
	"timepicker":                 "initial_time confirm focus_on_load placeholder timezone",
	"datetimepicker":             "initial_date_time confirm focus_on_load",
	"plain_text_input":           "initial_value multiline min_length max_length dispatch_action_config focus_on_load placeholder",
	"email_text_input":           "initial_value dispatch_action_config focus_on_load placeholder",
	"url_text_input":             "initial_value dispatch_action_config focus_on_load placeholder",
	"number_input":               "!is_decimal_allowed initial_value min_value max_value dispatch_action_config focus_on_load placeholder",
	"rich_text_input":            "initial_value dispatch_action_config focus_on_load placeholder",
	"file_input":                 "filetypes max_files",
}

func (k *checker) element(at string, o obj, input bool) {
	typ, _ := o["type"].(string)
	if typ == "image" && !input {
		k.image(at, o, false)
		return
	}
	names, ok := elementFields[typ]
	onlyInput := strings.HasSuffix(typ, "_input")
	if !ok || onlyInput && !input || input && (typ == "button" || typ == "overflow") {
		k.bad(at+"/type", "unsupported type: %s", typ)
		return
	}
	k.fields(at, o, "action_id "+names)
	k.str(at+"/action_id", o["action_id"], 1, 255)
	k.plain(at+"/placeholder", o["placeholder"], 150)
	k.confirm(at+"/confirm", o["confirm"])
	options := func(most, value int) {
		seen := map[any]bool{}
		k.list(at+"/options", o["options"], 1, most, func(p string, opt obj) {
			k.option(p, opt, value, typ)
			if seen[opt["value"]] {
				k.bad(p+"/value", "duplicate value %q", opt["value"])
			}
			seen[opt["value"]] = true
		})
	}
	switch typ {
	case "button":
		k.plain(at+"/text", o["text"], 75)
		k.str(at+"/value", o["value"], 0, 2000)
		k.str(at+"/url", o["url"], 1, 3000)
		if st := o["style"]; st != nil && st != "primary" && st != "danger" {
			k.bad(at+"/style", "must be primary or danger")
		}
	case "static_select", "multi_static_select":
		if (o["options"] == nil) == (o["option_groups"] == nil) {
			k.bad(at, "either options or option_groups must be given")
		}
		options(100, maxOption)
		k.list(at+"/option_groups", o["option_groups"], 1, 100, func(p string, g obj) {
			k.fields(p, g, "!label !options")
			k.plain(p+"/label", g["label"], 75)
			k.list(p+"/options", g["options"], 1, 100, func(p string, opt obj) { k.option(p, opt, maxOption, typ) })
		})
		k.initial(at, o)
	case "overflow":
		options(5, maxOption)
	case "checkboxes", "radio_buttons":
		options(10, maxOption)
		k.initial(at, o)
	case "plain_text_input":
		if n, ok := o["max_length"].(float64); ok && (n < 1 || n > 3000) {
			k.bad(at+"/max_length", "must be between 1 and 3000")
		}
		if n, ok := o["min_length"].(float64); ok && (n < 0 || n > 3000) {
			k.bad(at+"/min_length", "must be between 0 and 3000")
		}
		k.str(at+"/initial_value", o["initial_value"], 0, 3000)
		if n, ok := o["max_length"].(float64); ok {
			k.str(at+"/initial_value", o["initial_value"], 0, int(n))
		}
	}
}

func (k *checker) option(at string, o obj, value int, typ string) {
	k.fields(at, o, "!text !value description url")
	if typ == "checkboxes" || typ == "radio_buttons" {
		k.text(at+"/text", o["text"], 75, "plain_text", "mrkdwn")
		k.text(at+"/description", o["description"], 75, "plain_text", "mrkdwn")
	} else {
		k.plain(at+"/text", o["text"], 75)
		k.plain(at+"/description", o["description"], 75)
	}
	k.str(at+"/value", o["value"], 1, value)
}

// initial wants the initial option to be one of the options.
func (k *checker) initial(at string, o obj) {
	opt, ok := o["initial_option"].(obj)
	all, has := o["options"].([]any)
	if !ok || !has {
		return
	}
	if !slices.ContainsFunc(all, func(x any) bool { xo, _ := x.(obj); return xo["value"] == opt["value"] }) {
		k.bad(at+"/initial_option", "initial_option must be one of the options")
	}
}

func (k *checker) confirm(at string, v any) {
	o, ok := v.(obj)
	if !ok {
		return
	}
	k.fields(at, o, "title text confirm deny style")
	k.plain(at+"/title", o["title"], 100)
	k.text(at+"/text", o["text"], 300, "plain_text", "mrkdwn")
	k.plain(at+"/confirm", o["confirm"], 30)
	k.plain(at+"/deny", o["deny"], 30)
}

func checkView(v obj, types ...string) []string {
	k := &checker{}
	typ, _ := v["type"].(string)
	if !slices.Contains(types, typ) {
		k.bad("/view/type", "must be %s", strings.Join(types, " or "))
		return k.errs
	}
	if typ == "home" {
		k.fields("/view", v, "!blocks private_metadata callback_id external_id")
	} else {
		k.fields("/view", v, "!blocks !title submit close private_metadata callback_id clear_on_close notify_on_close external_id submit_disabled")
		k.plain("/view/title", v["title"], 24)
		k.plain("/view/submit", v["submit"], 24)
		k.plain("/view/close", v["close"], 24)
	}
	k.str("/view/private_metadata", v["private_metadata"], 0, 3000)
	k.str("/view/callback_id", v["callback_id"], 0, 255)
	k.str("/view/external_id", v["external_id"], 0, 255)
	blocks, ok := v["blocks"].([]any)
	if !ok {
		k.bad("/view/blocks", "must be an array")
		return k.errs
	}
	k.blocks("/view/blocks", blocks, maxViewBlocks)
	if typ == "modal" && k.inputs > 0 && v["submit"] == nil {
		k.bad("/view", "missing required field: submit: a view with input blocks needs it")
	}
	return k.errs
}

// fillBlocks gives blocks and elements the ids that Slack would. The lock is held.
func (s *Server) fillBlocks(blocks []any) []any {
	var out []any
	for _, b := range blocks {
		o := maps.Clone(b.(obj))
		if id, _ := o["block_id"].(string); id == "" {
			o["block_id"] = fmt.Sprintf("b%04x", s.rnd.Uint32N(1<<16)) + s.nextID("")
		}
		fill := func(v any) any {
			e, ok := v.(obj)
			if _, known := elementFields[fmt.Sprint(e["type"])]; !ok || !known {
				return v
			}
			if id, _ := e["action_id"].(string); id == "" {
				e = maps.Clone(e)
				e["action_id"] = s.nextID("a")
			}
			return e
		}
		for _, k := range []string{"accessory", "element"} {
			if o[k] != nil {
				o[k] = fill(o[k])
			}
		}
		if o["type"] == "actions" {
			var es []any
			for _, e := range o["elements"].([]any) {
				es = append(es, fill(e))
			}
			o["elements"] = es
		}
		out = append(out, o)
	}
	return out
}
