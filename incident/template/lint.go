package template

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// linter reads a template as the engine does, only to find mistakes that the
// engine lets pass.
type linter struct {
	src     string
	vars    map[string]any
	blocks  []block
	locals  []local
	comment bool
}

type block struct {
	name   string
	at     int
	locals int // how many locals there were outside
}

type local struct {
	name string
	val  any // unknown if it can't be known before it is rendered
}

// unknown is a value that is only known when the template is rendered.
type unknown struct{}

// lint finds the mistakes that src shows by itself. vars are the variables
// that there are.
func lint(src string, vars map[string]any) error {
	if len(src) > MaxSource {
		return &Error{Message: fmt.Sprintf("the template is longer than %d bytes", MaxSource)}
	}
	if !utf8.ValidString(src) {
		return &Error{Message: "the template is not valid UTF-8"}
	}
	l := &linter{src: src, vars: vars}
	return l.run()
}

// errAt is a mistake at an offset of the source.
func (l *linter) errAt(at int, format string, args ...any) error {
	before := l.src[:at]
	line := strings.Count(before, "\n") + 1
	col := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &Error{Line: line, Col: col, Message: fmt.Sprintf(format, args...)}
}

func (l *linter) run() error {
	for at := 0; at < len(l.src); {
		n := strings.IndexAny(l.src[at:], "{}%")
		if n < 0 {
			break
		}
		at += n
		if at+2 > len(l.src) {
			break
		}
		var end int
		var err error
		switch l.src[at : at+2] {
		case "{{":
			end, err = l.object(at)
		case "{%":
			end, err = l.tag(at)
		case "}}", "%}":
			return l.errAt(at, "%q closes nothing", l.src[at:at+2])
		default:
			end = at + 1
		}
		if err != nil {
			return err
		}
		at = end
	}
	if len(l.blocks) > 0 {
		b := l.blocks[len(l.blocks)-1]
		return l.errAt(b.at, "{%% %s %%} is never closed: add {%% end%s %%}", b.name, b.name)
	}
	return nil
}

// inside returns what is between the marks that begin at at.
func (l *linter) inside(at int, open, closing string) (text string, start, end int, err error) {
	start = at + len(open)
	n := strings.Index(l.src[start:], closing)
	if n < 0 {
		return "", 0, 0, l.errAt(at, "%q is never closed: add %q", open, closing)
	}
	text, end = l.src[start:start+n], start+n+len(closing)
	if i := strings.Index(text, "{{"); i >= 0 {
		return "", 0, 0, l.errAt(at, "%q is not closed before the next %q", open, "{{")
	}
	if i := strings.Index(text, "{%"); i >= 0 {
		return "", 0, 0, l.errAt(at, "%q is not closed before the next %q", open, "{%")
	}
	if open == "{{" && strings.Contains(text, "\n") {
		return "", 0, 0, l.errAt(at, "%q must be closed on the same line", open)
	}
	trimmed := strings.TrimPrefix(text, "-")
	start += len(text) - len(trimmed)
	return strings.TrimSuffix(trimmed, "-"), start, end, nil
}

func (l *linter) object(at int) (int, error) {
	text, start, end, err := l.inside(at, "{{", "}}")
	if err != nil || l.comment {
		return end, err
	}
	if strings.TrimSpace(text) == "" {
		return 0, l.errAt(at, "{{ }} is empty: write what is to stand there, such as {{ incident.title }}")
	}
	return end, l.expression(text, start)
}

// The tags, and whether they have an end.
var tags = map[string]bool{ //nolint:gochecknoglobals // a table that nobody changes
	"assign": false, "break": false, "continue": false, "cycle": false, "else": false, "elsif": false, "when": false,
	"capture": true, "case": true, "comment": true, "for": true, "if": true, "tablerow": true, "unless": true,
}

func (l *linter) tag(at int) (int, error) {
	text, start, end, err := l.inside(at, "{%", "%}")
	if err != nil {
		return 0, err
	}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	start += len(text) - len(trimmed)
	name := trimmed
	for i := range len(trimmed) {
		if !wordByte(trimmed[i]) {
			name = trimmed[:i]
			break
		}
	}
	args, argsAt := trimmed[len(name):], start+len(name)
	if l.comment {
		if name == "endcomment" {
			l.comment = false
			l.blocks = l.blocks[:len(l.blocks)-1]
		}
		return end, nil
	}
	if ended, ok := strings.CutPrefix(name, "end"); ok && tags[ended] {
		return end, l.pop(at, ended)
	}
	hasEnd, known := tags[name]
	if !known {
		return 0, l.unknownTag(at, name)
	}
	if hasEnd {
		if len(l.blocks) >= MaxNesting {
			return 0, l.errAt(at, "blocks are nested more than %d deep", MaxNesting)
		}
		l.blocks = append(l.blocks, block{name: name, at: at, locals: len(l.locals)})
	}
	return end, l.arguments(name, args, argsAt)
}

func (l *linter) unknownTag(at int, name string) error {
	switch name {
	case "":
		return l.errAt(at, "{%% %%} has no tag in it")
	case "raw", "endraw":
		return l.errAt(at, "raw isn't possible here: it would publish template marks")
	case "render", "include":
		return l.errAt(at, "%s isn't possible here: a message is one template", name)
	}
	names := make([]string, 0, len(tags))
	for n, ended := range tags {
		names = append(names, n)
		if ended {
			names = append(names, "end"+n)
		}
	}
	return l.errAt(at, "there is no tag %q%s", name, nearest(name, names))
}

func (l *linter) pop(at int, name string) error {
	if len(l.blocks) == 0 {
		return l.errAt(at, "{%% end%s %%} closes nothing", name)
	}
	b := l.blocks[len(l.blocks)-1]
	if b.name != name {
		return l.errAt(at, "{%% end%s %%} comes before {%% end%s %%}", name, b.name)
	}
	l.blocks = l.blocks[:len(l.blocks)-1]
	if name == "for" || name == "tablerow" {
		l.locals = l.locals[:b.locals:b.locals]
	}
	return nil
}

// arguments checks what follows a tag's name.
func (l *linter) arguments(name, args string, at int) error {
	switch name {
	case "comment":
		l.comment = true
		return nil
	case "capture":
		l.define(strings.TrimSpace(args), unknown{})
		return nil
	case "assign":
		left, right, ok := strings.Cut(args, "=")
		if !ok {
			return l.errAt(at, "assign needs the form: assign name = value")
		}
		if err := l.expression(right, at+len(left)+1); err != nil {
			return err
		}
		l.define(strings.TrimSpace(left), unknown{})
		return nil
	case "for", "tablerow":
		return l.loop(args, at)
	}
	return l.expression(args, at)
}

func (l *linter) loop(args string, at int) error {
	toks := scan(args)
	if len(toks) < 3 || toks[0].kind != word || toks[1].text != "in" {
		return l.errAt(at, "a loop needs the form: for event in incident.events")
	}
	from := toks[2].at
	if err := l.expression(args[from:], at+from); err != nil {
		return err
	}
	var item any = unknown{}
	if toks[2].kind == word {
		if list, ok := l.resolve(toks[2:]).([]any); ok && len(list) > 0 {
			item = list[0]
		}
	}
	l.define(toks[0].text, item)
	l.define("forloop", unknown{})
	l.define("tablerowloop", unknown{})
	return nil
}

func (l *linter) define(name string, val any) { l.locals = append(l.locals, local{name, val}) }

// expression checks the names in an expression.
func (l *linter) expression(text string, at int) error {
	toks := scan(text)
	for i, t := range toks {
		prev := ""
		if i > 0 {
			prev = toks[i-1].text
		}
		switch {
		case t.kind == badString:
			return l.errAt(at+t.at, "the quotation mark is never closed")
		case t.kind == dots:
			if err := l.span(toks, i, at); err != nil {
				return err
			}
		case t.kind != word, t.keyword:
		case prev == "|":
			if !filterNames[t.text] {
				return l.errAt(at+t.at, "there is no filter %q%s", t.text, nearest(t.text, keys(filterNames)))
			}
		case reserved[t.text]:
		default:
			if err := l.path(toks[i:], at); err != nil {
				return err
			}
		}
	}
	return nil
}

// span refuses a range of numbers that is too long. One of variables is left
// to the child's limits.
func (l *linter) span(toks []token, i, at int) error {
	if i == 0 || i+1 >= len(toks) || toks[i-1].kind != number || toks[i+1].kind != number {
		return nil
	}
	from, err1 := strconv.ParseFloat(toks[i-1].text, 64)
	to, err2 := strconv.ParseFloat(toks[i+1].text, 64)
	if err1 != nil || err2 != nil || to-from >= MaxRange || from < -1e9 || to > 1e9 {
		return l.errAt(at+toks[i-1].at, "the range is longer than %d", MaxRange)
	}
	return nil
}

// path checks a variable such as incident.title against what there is.
func (l *linter) path(toks []token, at int) error {
	root := toks[0]
	val, ok := l.lookup(root.text)
	if !ok {
		return l.errAt(at+root.at, "there is no variable %q%s", root.text, nearest(root.text, l.names()))
	}
	name := root.text
	for _, t := range toks[1:] {
		if t.kind != property {
			return nil
		}
		m, isMap := val.(map[string]any)
		if !isMap {
			return l.onValue(val, name, t, at)
		}
		if val, ok = m[t.text]; !ok {
			if t.text == "size" {
				return nil
			}
			return l.errAt(at+t.at, "%s has no %q%s", name, t.text, nearest(t.text, keys(m)))
		}
		name += "." + t.text
	}
	return nil
}

// onValue checks a property of what isn't a map.
func (l *linter) onValue(val any, name string, t token, at int) error {
	switch val.(type) {
	case unknown, nil:
		return nil
	case []any:
		if t.text == "first" || t.text == "last" || t.text == "size" {
			return nil
		}
	case string:
		if t.text == "size" {
			return nil
		}
	}
	return l.errAt(at+t.at, "%s has no %q", name, t.text)
}

// resolve is the value of a path, if it can be known now.
func (l *linter) resolve(toks []token) any {
	val, ok := l.lookup(toks[0].text)
	if !ok {
		return unknown{}
	}
	for _, t := range toks[1:] {
		m, isMap := val.(map[string]any)
		if t.kind != property {
			if t.text == "[" || t.text == "|" {
				return unknown{}
			}
			return val
		}
		if !isMap {
			return unknown{}
		}
		val = m[t.text]
	}
	return val
}

func (l *linter) lookup(name string) (any, bool) {
	for _, v := range slices.Backward(l.locals) {
		if v.name == name {
			return v.val, true
		}
	}
	val, ok := l.vars[name]
	return val, ok
}

func (l *linter) names() []string {
	names := keys(l.vars)
	for _, v := range l.locals {
		names = append(names, v.name)
	}
	return names
}
