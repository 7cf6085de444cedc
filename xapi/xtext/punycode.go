package xtext

import "unicode/utf8"

// punycodeLen returns the length of the label in ASCII (RFC 3492). Other full
// stops than the dot separate what is encoded, but stay in the label: that is
// how twitter-text measures one.
func punycodeLen(label string) int {
	if isASCII(label) {
		return len(label)
	}
	runes := make([]rune, 0, len(label))
	total := 0
	for _, r := range label {
		if r == '。' || r == '．' || r == '｡' {
			total += encodedLen(runes) + 1
			runes = runes[:0]
			continue
		}
		runes = append(runes, r)
		if total+len(runes) > maxLabel {
			return maxLabel + 1 // it only gets longer
		}
	}
	return total + encodedLen(runes)
}

// encodedLen runs the encoding procedure of RFC 3492, section 6.3, for the
// number of digits it would write.
func encodedLen(label []rune) int {
	const (
		base, tMin, tMax = 36, 1, 26
		skew, damp       = 38, 700
		initialN         = 0x80
		initialBias      = 72
		acePrefixLen     = 4 // "xn--"
		delimiterLen     = 1
		adaptLimit       = (base - tMin) * tMax / 2
	)
	basic := 0
	for _, r := range label {
		if r < utf8.RuneSelf {
			basic++
		}
	}
	if basic == len(label) {
		return basic
	}
	out := acePrefixLen + basic
	if basic > 0 {
		out += delimiterLen
	}
	n, delta, bias := initialN, 0, initialBias
	handled := basic
	for handled < len(label) {
		next := int(utf8.MaxRune)
		for _, r := range label {
			if int(r) >= n && int(r) < next {
				next = int(r)
			}
		}
		delta += (next - n) * (handled + 1)
		n = next
		for _, r := range label {
			if int(r) < n {
				delta++
			}
			if int(r) != n {
				continue
			}
			for q, k := delta, base; ; k += base {
				t := min(max(k-bias, tMin), tMax)
				out++
				if q < t {
					break
				}
				q = (q - t) / (base - t)
			}
			// adapt the bias
			if handled == basic {
				delta /= damp
			} else {
				delta /= 2
			}
			handled++
			delta += delta / handled
			bias = 0
			for delta > adaptLimit {
				delta /= base - tMin
				bias += base
			}
			bias += (base - tMin + 1) * delta / (delta + skew)
			delta = 0
		}
		delta++
		n++
	}
	return out
}
