// Package xfake is X on loopback: a stand-in for the parts of the X API v2
// that Perch uses, for tests and for the sandbox that a person watches in a
// browser.
//
// It keeps users, posts, direct messages, media, webhooks and OAuth grants in
// memory, is as strict about what it is sent as X's own specification says X
// is, answers unknown calls and unknown fields with the errors X would give,
// signs and delivers real webhook events, and fails in scripted ways.
//
// It never talks to X, never leaves loopback unless a caller registers a
// webhook elsewhere, and shares no decoding code with package xapi: it is an
// independent judge of that client. What it imitates is read from X's
// documentation (https://docs.x.com) and from captured traffic.
package xfake
