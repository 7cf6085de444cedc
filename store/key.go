package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Key builds a key from parts so that keys sort as their parts do, part by
// part. A part is a string, an int, int64 or uint64, a bool or a time.Time
// (to the nanosecond, UTC). A key of fewer parts is a prefix of the keys that
// continue it, which is what [Prefix] is for. Key panics on another type: that
// is a mistake of the program, not of its input.
func Key(parts ...any) []byte {
	var k []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			k = appendString(k, p)
		case bool:
			if p {
				k = append(k, 1)
			} else {
				k = append(k, 0)
			}
		case int:
			k = appendInt(k, int64(p))
		case int64:
			k = appendInt(k, p)
		case uint64:
			k = binary.BigEndian.AppendUint64(k, p)
		case time.Time:
			k = appendInt(k, p.UnixNano())
		default:
			panic(fmt.Sprintf("store: key part of type %T", p))
		}
	}
	return k
}

// appendString writes s so that no string's form is a prefix of another's: a
// zero byte becomes 00 FF and the end is 00 01.
func appendString(k []byte, s string) []byte {
	if strings.IndexByte(s, 0) < 0 {
		return append(append(k, s...), 0, 1) // as nearly always
	}
	for i := range len(s) {
		if s[i] == 0 {
			k = append(k, 0, 0xff)
		} else {
			k = append(k, s[i])
		}
	}
	return append(k, 0, 1)
}

// appendInt flips the sign bit so that negative numbers sort first.
func appendInt(k []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(k, uint64(n)^1<<63)
}

// Prefix is the range of all keys that begin with prefix.
func Prefix(prefix []byte) Range {
	to := append([]byte(nil), prefix...)
	for i := len(to) - 1; i >= 0; i-- {
		if to[i] != 0xff {
			to[i]++
			return Range{From: prefix, To: to[:i+1]}
		}
	}
	return Range{From: prefix}
}
