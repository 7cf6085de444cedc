package commands

import (
	"strings"
	"unicode/utf8"
)

// maxText bounds what is read of a command: chats allow less.
const maxText = 40_000

// options are what stands before a text: --visibility "status page" INC-4.
type options struct {
	flags map[string]string
	text  string // the rest, as it was written
}

// parseOptions takes options off the start and the end of s. An option is --name value,
// --name=value or name:value, of the names known; a value with blanks stands
// in quotes, straight or curly. Phones turn -- into a dash: that counts too.
// What is no option begins the text, which is left as it is.
func parseOptions(s string, known map[string]string) (options, error) {
	o := options{flags: map[string]string{}}
	if len(s) > maxText || !utf8.ValidString(s) {
		return o, refuse("This text is too long or is no proper text. Shorten it and try again.")
	}
	for s = strings.TrimSpace(s); ; s = strings.TrimSpace(s) {
		name, rest, dashed, ok := optionName(s)
		if !ok {
			break
		}
		full, isKnown := known[strings.ToLower(name)]
		if !isKnown {
			if dashed {
				return o, refuse("There is no --%s here.", clip(name))
			}
			break
		}
		value, after, err := optionValue(rest)
		if err != nil {
			return o, err
		}
		if value == "" {
			return o, refuse("--%s needs a value behind it.", full)
		}
		o.flags[full], s = value, after
	}
	o.text = s
	return o, o.trailing(known)
}

// trailing takes "--name value" off the end of the text, where people put
// options that they think of last. Only the dashed form counts there: a text
// may well end in "time: now".
func (o *options) trailing(known map[string]string) error {
	for {
		at := max(strings.LastIndex(o.text, " --"), strings.LastIndex(o.text, " —"), strings.LastIndex(o.text, "\n--"))
		if at < 0 {
			return nil
		}
		name, rest, dashed, ok := optionName(strings.TrimSpace(o.text[at:]))
		full, isKnown := known[strings.ToLower(name)]
		if !ok || !dashed || !isKnown {
			return nil
		}
		value, after, err := optionValue(rest)
		if err != nil {
			return err
		}
		if value == "" || strings.TrimSpace(after) != "" {
			return nil // it stands in the middle of the text: it is text
		}
		if _, twice := o.flags[full]; !twice {
			o.flags[full] = value
		}
		o.text = strings.TrimSpace(o.text[:at])
	}
}

// optionName reads "--name", "--name=" or "name:" at the start of s. rest is
// what follows, dashed tells that it can't be meant as text.
func optionName(s string) (name, rest string, dashed, ok bool) {
	for _, dash := range []string{"--", "—", "–"} {
		if after, found := strings.CutPrefix(s, dash); found {
			dashed, s = true, after
			break
		}
	}
	n := 0
	for n < len(s) && (s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z') {
		n++
	}
	if n == 0 {
		return "", "", false, false
	}
	name, rest = s[:n], s[n:]
	switch {
	case dashed && (rest == "" || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '='):
		return name, strings.TrimPrefix(rest, "="), true, true
	case !dashed && strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "://"):
		return name, rest[1:], false, true
	}
	return "", "", false, false
}

// quotes are the pairs a value may stand in.
func quotes(open rune) (closing rune, ok bool) {
	switch open {
	case '"', '\'':
		return open, true
	case '“', '„':
		return '”', true
	case '‘':
		return '’', true
	case '«':
		return '»', true
	}
	return 0, false
}

func optionValue(s string) (value, rest string, err error) {
	s = strings.TrimSpace(s)
	r, n := utf8.DecodeRuneInString(s)
	if closing, ok := quotes(r); ok {
		body := s[n:]
		end := strings.IndexFunc(body, func(r rune) bool { return r == closing || closing == '”' && r == '"' })
		if end < 0 {
			return "", "", refuse("A quote is opened and never closed. Close it and try again.")
		}
		_, w := utf8.DecodeRuneInString(body[end:])
		return strings.TrimSpace(body[:end]), body[end+w:], nil
	}
	value, rest = cutWord(s)
	return value, rest, nil
}
