package incident

import (
	"regexp"
	"strings"
)

// What must never be published. Each has the sentence that says why.
var refusals = []struct { //nolint:gochecknoglobals // a table that nobody changes
	form *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`\{\{|\}\}|\{%|%\}`), "The text has template marks ({{ or {%) left in it: fill them in or remove them."},
	{regexp.MustCompile(`(?:^|[^\pL\pN_])map\[[^\]]*:`), "The text has a raw data structure in it (map[…]): name the one value that you mean."},
	{regexp.MustCompile(`%!(?:\(|[a-zA-Z]\()`), "The text has a formatting mistake in it (%!…): write it anew."},
	{regexp.MustCompile(`<(?:@[UWB][A-Z0-9]+|#[CG][A-Z0-9]+|!(?:channel|here|everyone|subteam|date))[^>]*>`), "The text mentions people or a channel of the chat (<@…>): write the name as the public should read it."},
	{regexp.MustCompile(`<https?://[^>|\s]*\|[^>]*>`), "The text has a chat's link mark-up in it: write the plain address."},
	{regexp.MustCompile(`\b(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16}|perch_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,})`), "The text has what looks like a secret key in it: remove it, and replace the key."},
	{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`), "The text has a private key in it: remove it, and replace the key."},
}

// What a person should look at twice.
var cautions = []struct { //nolint:gochecknoglobals // a table that nobody changes
	form *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}`), "It has an e-mail address in it"},
	{regexp.MustCompile(`\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b`), "It has an internal network address in it"},
	{regexp.MustCompile(`\b[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:internal|local|corp|lan|intranet)\b`), "It has an internal host name in it"},
	{regexp.MustCompile(`(?:^|[^\w@])@(?:channel|here|all|everyone)\b`), "@channel and the like would name an account on X"},
	{regexp.MustCompile(`(?:^|[^\w@.])@[A-Za-z0-9_]{1,15}\b`), "It mentions an account on X"},
	{regexp.MustCompile(`&(?:lt|gt|amp|quot|#39);`), "It has HTML codes in it (&amp;amp; and the like)"},
	{regexp.MustCompile(`(?:^|\s):[a-z0-9_+-]+:(?:\s|$)`), "It has a chat's :emoji: code in it"},
}

// guard says why a text must not be published, if it must not, and what a
// person should look at before it is.
func guard(text string) (refusal string, warnings []string) {
	if strings.TrimSpace(text) == "" {
		return "There is no text to publish.", nil
	}
	for _, r := range refusals {
		if r.form.MatchString(text) {
			return r.why, nil
		}
	}
	for _, c := range cautions {
		if m := c.form.FindString(text); m != "" {
			warnings = append(warnings, c.what+": "+strings.TrimSpace(m))
		}
	}
	return "", warnings
}
