package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/perch-chat/perch/xapi/xtext"
)

type previewCmd struct {
	JSON bool `help:"Print one JSON object: weighted_length, limit, valid, parts." name:"json"`
}

// maxPreview bounds what is read of the standard input.
const maxPreview = 1 << 20

// previewed is the answer of preview --json.
type previewed struct {
	WeightedLength int      `json:"weighted_length"`
	Limit          int      `json:"limit"`
	Valid          bool     `json:"valid"`
	Parts          []string `json:"parts"` // the posts it would become: one, or a numbered thread
}

// Run implements the command.
func (c previewCmd) Run(e *env) error {
	raw, err := io.ReadAll(io.LimitReader(e.in, maxPreview+1))
	if err != nil {
		return fmt.Errorf("read the text: %w", err)
	}
	if len(raw) > maxPreview {
		return errors.New("the text is larger than 1 MiB: give less of it")
	}
	text := strings.ToValidUTF8(strings.TrimRight(string(raw), "\r\n"), "\uFFFD") // echo ends its line
	if strings.TrimSpace(text) == "" {
		text = "" // X takes no post of blanks
	}
	r := xtext.Count(text)
	p := previewed{WeightedLength: r.Weighted, Limit: r.Limit, Valid: r.Valid, Parts: []string{}}
	switch {
	case r.Valid:
		p.Parts = []string{text}
	case r.Weighted > r.Limit:
		if parts, err := xtext.Split(text, r.Limit); err == nil {
			p.Parts = parts
		}
	}
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(p)
	}
	return p.print(e.out, r)
}

func (p previewed) print(w io.Writer, r xtext.Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d", p.WeightedLength, p.Limit)
	switch {
	case p.Valid:
		b.WriteString(": fits in one post.\n")
	case p.WeightedLength == 0:
		b.WriteString(": there is no text. Give it on the standard input.\n")
	case p.WeightedLength > p.Limit && len(p.Parts) > 0:
		fmt.Fprintf(&b, ": too long for one post. As a thread of %d:\n", len(p.Parts))
		for _, part := range p.Parts {
			fmt.Fprintf(&b, "\n%s\n(%d of %d)\n", part, xtext.Count(part).Weighted, p.Limit)
		}
	case len(r.Invalid) > 0:
		fmt.Fprintf(&b, ": X refuses %U at byte %d. Remove it.\n", r.Invalid[0].Rune, r.Invalid[0].Offset)
	default:
		b.WriteString(": too long even for a thread. Shorten it.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
