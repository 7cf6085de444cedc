package xtext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

const (
	// MaxParts is how many parts the longest thread has.
	MaxParts = 25
	// MinSplit is the smallest limit that a text can be split for: a URL, the
	// longest handle and a part's number have room in it.
	MinSplit = 50
)

// Errors of Split.
var (
	ErrEmpty        = errors.New("the text is empty")
	ErrInvalidChars = errors.New("the text has characters that X refuses")
	ErrTooManyParts = fmt.Errorf("the text needs more than %d parts", MaxParts)
	ErrLimit        = fmt.Errorf("the limit is under %d", MinSplit)
)

// Split cuts s into the parts of a thread, each with its number (" 1/3") and
// within limit (DefaultLimit if that is 0). A text that fits is returned
// whole, without a number. It cuts between paragraphs, lines, sentences or
// words, never in a URL, a mention, a hashtag or a character as people see
// it; only a word that is longer than a part is cut, between characters.
// Space at the cuts and around s is left out, nothing else is; bytes that are
// no UTF-8 become U+FFFD.
func Split(s string, limit int) ([]string, error) {
	if limit == 0 {
		limit = DefaultLimit
	}
	s = strings.TrimFunc(strings.ToValidUTF8(s, "\uFFFD"), unicode.IsSpace)
	whole := CountLimit(s, limit)
	switch {
	case whole.Valid:
		return []string{s}, nil
	case whole.Weighted == 0:
		return nil, ErrEmpty
	case len(whole.Invalid) > 0:
		return nil, ErrInvalidChars
	case limit < MinSplit:
		return nil, ErrLimit
	case whole.Weighted > limit*MaxParts:
		return nil, ErrTooManyParts
	}
	sp := splitter{text: s, limit: limit}
	sp.pieces()
	for _, most := range [...]int{9, MaxParts} { // the number takes more room from ten on
		sp.total = most
		if cuts := sp.cut(); len(cuts) <= most {
			return number(s, cuts), nil
		}
	}
	return nil, ErrTooManyParts
}

// number puts the parts' numbers behind them.
func number(s string, cuts []Span) []string {
	parts := make([]string, len(cuts))
	for i, c := range cuts {
		parts[i] = c.In(s) + suffix(i+1, len(cuts))
	}
	return parts
}

func suffix(i, n int) string { return fmt.Sprintf(" %d/%d", i, n) }

// piece is a bit of the text that stays whole: an entity, a grapheme, or
// white space.
type piece struct {
	Span
	weight int
	border border // what a cut after the piece would be
}

// border says how good a cut is; a higher one is better.
type border int

const (
	inWord border = iota
	wide          // between characters of a script that has no spaces
	word
	sentence
	line
	paragraph
)

// fill says how full (in percent) a part must be for the cut to be made at a
// border of the kind though more words would fit.
func (b border) fill() int {
	switch b {
	case paragraph:
		return 50
	case line:
		return 60
	case sentence:
		return 65
	case wide:
		return 85
	default:
		return 0
	}
}

type splitter struct {
	text  string
	limit int
	total int // how many parts are expected: their numbers' width
	all   []piece
}

// pieces cuts the text into its pieces.
func (sp *splitter) pieces() {
	s := sp.text
	room := sp.limit - len(suffix(MaxParts, MaxParts))
	var whole []Span
	for _, found := range [][]Span{URLs(s), Mentions(s), Hashtags(s), Cashtags(s)} {
		for _, p := range found {
			if CountLimit(p.In(s), sp.limit).Weighted <= room {
				whole = append(whole, p)
			}
		}
	}
	slices.SortFunc(whole, func(a, b Span) int { return a.Start - b.Start })
	for i := 0; i < len(s); {
		for len(whole) > 0 && whole[0].Start < i {
			whole = whole[1:] // overlaps the one before
		}
		p := piece{Span: Span{i, len(s)}}
		switch {
		case len(whole) > 0 && whole[0].Start == i:
			p.End = whole[0].End
		case len(whole) > 0:
			p.End = i + graphemeLen(s[i:whole[0].Start])
		default:
			p.End = i + graphemeLen(s[i:])
		}
		p.weight = CountLimit(p.In(s), sp.limit).Weighted
		sp.all = append(sp.all, p)
		i = p.End
	}
	for i := range sp.all {
		sp.all[i].border = sp.borderAfter(i)
	}
}

func graphemeLen(s string) int {
	it := graphemes.FromString(s)
	if !it.Next() {
		return len(s)
	}
	return len(it.Value())
}

// borderAfter judges a cut after the ith piece. White space belongs to the
// border before it, so a border is judged where its white space begins.
func (sp *splitter) borderAfter(i int) border {
	if i+1 == len(sp.all) {
		return paragraph
	}
	last, _ := utf8.DecodeLastRuneInString(sp.all[i].In(sp.text))
	if unicode.IsSpace(last) {
		return inWord
	}
	gap := leadingSpace(sp.text[sp.all[i].End:])
	ended := endsSentence(sp.text[:sp.all[i].End])
	switch n := strings.Count(gap, "\n"); {
	case n > 1:
		return paragraph
	case n == 1:
		return line
	case gap != "" && ended:
		return sentence
	case gap != "":
		return word
	}
	next, _ := utf8.DecodeRuneInString(sp.text[sp.all[i].End:])
	switch {
	case ended && strings.ContainsRune("。！？", lastOf(sp.text[:sp.all[i].End])):
		return sentence
	case isWide(last) && isWide(next) && !unicode.IsPunct(next):
		return wide
	}
	return inWord
}

func leadingSpace(s string) string {
	return s[:len(s)-len(strings.TrimLeftFunc(s, unicode.IsSpace))]
}

func lastOf(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// endsSentence reports whether s ends as sentences do, closing quotes and
// brackets aside.
func endsSentence(s string) bool {
	for {
		r, size := utf8.DecodeLastRuneInString(s)
		switch {
		case strings.ContainsRune(`"')]»”’」』）`, r) && size > 0:
			s = s[:len(s)-size]
		default:
			return size > 0 && strings.ContainsRune(".!?…。！？", r)
		}
	}
}

// isWide reports whether r is of a script that is written without spaces.
func isWide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF00 && r <= 0xFFEF
}

// cut chooses the parts. It stops after one too many.
func (sp *splitter) cut() []Span {
	var parts []Span
	for i := 0; i < len(sp.all) && len(parts) <= sp.total; {
		if strings.TrimFunc(sp.all[i].In(sp.text), unicode.IsSpace) == "" {
			i++
			continue
		}
		end := sp.choose(i)
		part := Span{sp.all[i].Start, sp.all[end-1].End}
		part.End = part.Start + len(strings.TrimRightFunc(part.In(sp.text), unicode.IsSpace))
		parts = append(parts, part)
		i = end
	}
	return parts
}

// choose returns the piece before which the part that begins with the piece
// at start ends.
func (sp *splitter) choose(start int) int {
	room := sp.limit - len(suffix(sp.total, sp.total))
	// best[b] is the last cut of at least that quality.
	var best [paragraph + 1]int
	var filled [paragraph + 1]int
	weight, most := 0, start
	for most < len(sp.all) && weight+sp.all[most].weight <= room {
		weight += sp.all[most].weight
		if b := sp.all[most].border; b > inWord {
			best[b], filled[b] = most+1, weight
		}
		most++
	}
	end := max(most, start+1)
	if most < len(sp.all) {
		end = sp.pick(best, filled, room, end)
	}
	// A cut changes what stands beside what, and so, rarely, the count.
	for end > start+1 && !sp.fits(start, end) {
		end--
	}
	return end
}

// pick chooses among the last cuts of each quality.
func (sp *splitter) pick(best, filled [paragraph + 1]int, room, otherwise int) int {
	for b := paragraph; b > word; b-- {
		if best[b] > 0 && filled[b]*100 >= room*b.fill() {
			return best[b]
		}
	}
	lastSpace := 0
	for b := word; b <= paragraph; b++ {
		lastSpace = max(lastSpace, best[b])
	}
	if best[wide] > lastSpace && filled[wide]*100 >= room*wide.fill() {
		return best[wide]
	}
	if lastSpace > 0 {
		return lastSpace
	}
	return otherwise
}

// fits reports whether the pieces from start up to end make a part.
func (sp *splitter) fits(start, end int) bool {
	part := sp.text[sp.all[start].Start:sp.all[end-1].End]
	return CountLimit(part+suffix(sp.total, sp.total), sp.limit).Valid
}
