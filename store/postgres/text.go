package postgres

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// replacement is the escaped U+FFFD.
const replacement = `\ufffd`

// clean returns a copy of a JSON document without what jsonb refuses though
// JSON allows it: escaped zero characters and lone surrogates, see
// https://www.postgresql.org/docs/current/datatype-json.html, and bytes that
// are not UTF-8. What people type must not fail in one driver alone.
func clean(val []byte) []byte {
	if !utf8.Valid(val) {
		val = []byte(string([]rune(string(val)))) // each bad byte becomes U+FFFD, as in encoding/json
	}
	out := make([]byte, 0, len(val))
	for {
		i := bytes.IndexByte(val, '\\')
		if i < 0 || i+1 >= len(val) {
			return append(out, val...)
		}
		out, val = append(out, val[:i]...), val[i:]
		if val[1] != 'u' || len(val) < 6 {
			out, val = append(out, val[:2]...), val[2:]
			continue
		}
		n := 6
		switch r := escaped(val); {
		case r == 0, utf16.IsSurrogate(r) && utf16.DecodeRune(r, escaped(val[6:])) == utf8.RuneError:
			out = append(out, replacement...)
		case utf16.IsSurrogate(r):
			n = 12
			out = append(out, val[:n]...)
		default:
			out = append(out, val[:n]...)
		}
		val = val[n:]
	}
}

// escaped is the UTF-16 unit that b begins with as \uXXXX, or -1.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
