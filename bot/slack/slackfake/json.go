package slackfake

import (
	"encoding/json"
	"slices"
	"strconv"
)

// mustJSON encodes what we made ourselves, or decoded before. The result is
// that of json.Marshal, sooner: what the fake costs is taken from the apps that
// are measured beside it.
func mustJSON(v any) []byte { return appendJSON(make([]byte, 0, 1024), v) }

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case string:
		return appendString(b, v)
	case obj:
		return appendMap(b, v, appendJSON)
	case map[string]string:
		return appendMap(b, v, appendString)
	case []any:
		return appendList(b, v)
	case []obj:
		return appendList(b, v)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			panic("slackfake: " + err.Error())
		}
		return append(b, raw...)
	}
}

func appendMap[T any](b []byte, m map[string]T, value func([]byte, T) []byte) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	var few [32]string
	keys := few[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k), ':')
		b = value(b, m[k])
	}
	return append(b, '}')
}

func appendList[T any](b []byte, list []T) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v)
	}
	return append(b, ']')
}

// appendString leaves what has to be escaped to json.Marshal.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			raw, err := json.Marshal(s)
			if err != nil {
				panic("slackfake: " + err.Error()) // there is no such string
			}
			return append(b, raw...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
