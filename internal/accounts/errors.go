package accounts

import "errors"

// Code says what went wrong, for programs.
type Code string

// The codes of errors.
const (
	CodeUnknownRequest  Code = "unknown_request"
	CodeExpired         Code = "expired"
	CodeUsed            Code = "used"
	CodeOtherBrowser    Code = "other_browser"
	CodeDenied          Code = "denied"
	CodeRefused         Code = "refused"        // X answered with another error
	CodeMissingScopes   Code = "missing_scopes" // less was granted than Perch needs
	CodeExchange        Code = "exchange"       // the code could not be turned into tokens
	CodeProfile         Code = "profile"        // X did not say whose tokens they are
	CodeNotFound        Code = "not_found"
	CodeReconnectNeeded Code = "reconnect_needed"
	CodeUnauthorized    Code = "unauthorized"
	CodeLater           Code = "later" // X could not renew the tokens now
)

// Error is an answer for people.
type Error struct {
	Code    Code
	Message string // a sentence or two that say what to do next
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "accounts: " + string(e.Code) + ": " + e.Err.Error()
	}
	return "accounts: " + string(e.Code)
}

// Unwrap returns the error beneath.
func (e *Error) Unwrap() error { return e.Err }

var (
	// ErrGrantDead is how an [Authorizer] says that X no longer knows the
	// refresh token.
	ErrGrantDead = errors.New("accounts: the grant is dead")

	// ErrKeys is how an [Authorizer] says that X does not accept the app's own keys.
	ErrKeys = errors.New("accounts: the app's keys are wrong")

	// ErrLater is how an [Authorizer] says that X surely renewed nothing and
	// may do so later: it refused for its rate limits, was down, or could not
	// be reached at all.
	ErrLater = errors.New("accounts: try again later")
)

func problem(c Code, msg string, err error) *Error { return &Error{Code: c, Message: msg, Err: err} }

const startAgain = " Start again in the chat."

func errUnknownRequest() *Error {
	return problem(CodeUnknownRequest, "This link is not known, or a newer page was opened for it."+startAgain, nil)
}

func errExpired() *Error {
	return problem(CodeExpired, "This link is over: it works for 10 minutes."+startAgain, nil)
}

func errUsed() *Error {
	return problem(CodeUsed, "It works once."+startAgain, nil)
}

func errOtherBrowser() *Error {
	return problem(CodeOtherBrowser, "X came back in another browser than the one that opened the link, so nothing was connected. "+
		"Start again in the chat and stay in one browser.", nil)
}

func errNotFound() *Error {
	return problem(CodeNotFound, "This X account is not connected. Connect it with /twitter authorize.", nil)
}
