package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/perch-chat/perch/internal/nearest"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// Problem is one mistake in the configuration.
type Problem struct {
	Path    string // the key: "x.client_id", "departments[0].channel"
	Where   string // "perch.yaml:12" or "PERCH_X_CLIENT_ID", if known
	Message string // what is wrong and what to write
}

func (p Problem) String() string {
	s := p.Path + ": " + p.Message
	if p.Where != "" {
		s = p.Where + ": " + s
	}
	return s
}

// Problems is every mistake that was found.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.String()
	}
	return strings.Join(lines, "\n")
}

// decoder walks the YAML tree beside the struct, so that one run finds all
// mistakes and each has its key and its line.
type decoder struct {
	file     string
	problems Problems
	lines    map[string]int // the line of each key that was read

	workspaces bool // Slack has several, and refs say which
}

func (d *decoder) problem(path string, n ast.Node, format string, args ...any) {
	p := Problem{Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil && n.GetToken() != nil && n.GetToken().Position != nil {
		p.Where = d.file + ":" + strconv.Itoa(n.GetToken().Position.Line)
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) decode(data []byte, cfg *Config) {
	if len(data) > maxFile {
		d.problem("(file)", nil, "is larger than 1 MiB")
		return
	}
	// Duplicates are reported by object, with their path, beside all else.
	f, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.problem("(file)", nil, "is no YAML: %s", strings.TrimSpace(firstLine(err.Error())))
		return
	}
	if len(f.Docs) > 1 {
		d.problem("(file)", f.Docs[1], "has more than one document: keep the first")
		return
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		return
	}
	d.value("", f.Docs[0].Body, reflect.ValueOf(cfg).Elem())
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (d *decoder) value(path string, n ast.Node, v reflect.Value) {
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.problem(path, n, "uses a YAML anchor, alias or tag: write the value out")
		return
	case *ast.NullNode:
		return // a key with nothing behind it keeps its default
	}
	switch v.Kind() {
	case reflect.Struct:
		d.object(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

func (d *decoder) object(path string, n ast.Node, v reflect.Value) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.CommentGroupNode:
		return
	default:
		d.problem(orRoot(path), n, "must hold keys and values")
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key := strings.Trim(pair.Key.GetToken().Value, `"'`)
		at := join(path, key)
		if seen[key] {
			d.problem(at, pair.Key, "stands here twice: keep one")
			continue
		}
		seen[key] = true
		field, ok := fieldByKey(v, key)
		if !ok {
			d.problem(at, pair.Key, "is no key that Perch knows%s", suggest(key, keysOf(v.Type())))
			continue
		}
		if t := pair.Key.GetToken(); t.Position != nil {
			d.lines[at] = t.Position.Line
		}
		d.value(at, pair.Value, field)
	}
}

func (d *decoder) list(path string, n ast.Node, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.problem(path, n, "must be a list: write [a, b] or one '- a' a line")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, out.Index(i))
	}
	v.Set(out)
}

func (d *decoder) scalar(path string, n ast.Node, v reflect.Value) {
	var s string
	switch n := n.(type) {
	case *ast.MappingNode:
		joined, ok := plainColon(n)
		if !ok {
			d.problem(path, n, "must be a single value")
			return
		}
		s = joined
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		s = n.GetToken().Value
	default:
		d.problem(path, n, "must be a single value")
		return
	}
	if err := setScalar(v, s); err != nil {
		d.problem(path, n, "%s", err)
	}
}

// plainColon undoes a mistake of the parser: inside {a: [b:c]} it takes b:c
// for a key and a value, though no blank follows the colon.
func plainColon(n *ast.MappingNode) (string, bool) {
	if len(n.Values) != 1 {
		return "", false
	}
	k, v := n.Values[0].Key.GetToken(), n.Values[0].Value.GetToken()
	if k == nil || v == nil || k.Position == nil || v.Position == nil || v.Position.Offset != k.Position.Offset+len(k.Value)+1 {
		return "", false
	}
	return k.Value + ":" + v.Value, true
}

// setScalar sets v from its written form, be it of the file or of the environment.
func setScalar(v reflect.Value, s string) error {
	switch v.Interface().(type) {
	case Duration:
		x, err := parseDuration(s)
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	case ByteSize:
		x, err := parseByteSize(s)
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		switch s {
		case "true", "false":
			v.SetBool(s == "true")
		default:
			return fmt.Errorf("%q must be true or false", s)
		}
	default:
		return fmt.Errorf("can't be set from %q", s)
	}
	return nil
}

func orRoot(path string) string {
	if path == "" {
		return "(file)"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func fieldByKey(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	keys := make([]string, 0, t.NumField())
	for field := range t.Fields() {
		keys = append(keys, field.Tag.Get("yaml"))
	}
	slices.Sort(keys)
	return keys
}

// suggest names the key that is spelled most alike, or lists them.
func suggest(key string, keys []string) string {
	if best, ok := nearest.Word(key, keys); ok {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ": there are " + strings.Join(keys, ", ")
}
