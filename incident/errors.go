package incident

import "fmt"

// The codes of an Error.
const (
	CodeNotFound     = "not_found"
	CodeInvalid      = "invalid"       // Field says what
	CodeLocked       = "locked"        // the entry was written by Perch
	CodeTooLong      = "too_long"      // Weighted, Limit and Parts say how much
	CodeClosed       = "closed"        // the incident takes no more entries
	CodePrivate      = "private"       // the incident is private
	CodeRefused      = "refused"       // the text must not be published as it is
	CodeNoAccount    = "no_account"    // no X account is connected
	CodeTooLate      = "too_late"      // it is on its way already
	CodeSelfApproval = "self_approval" // another person has to approve
	CodeNothing      = "nothing_to_do" // there is no such publication to act on
)

// Error is a refusal, in words for people.
type Error struct {
	Code    string
	Message string // a sentence that says what to do next
	Field   string // which field, if it is one's fault: "text", "occurred_at"

	Weighted, Limit, Parts int // of a text that is too long
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func notFound(what, ref string) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("There is no %s %q.", what, ref)}
}

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
