// Package slackfake is Slack on loopback: a stand-in for the parts of Slack
// that Perch uses, for tests and benchmarks.
//
// It speaks Socket Mode (several connections, refreshes, half-open sockets,
// retries of what was not acknowledged), delivers signed HTTP requests, and
// answers the Web API methods with the errors, limits and scopes of Slack.
// People are played through its methods: they write, press buttons, fill forms
// in and see what a person in Slack would see.
//
// It never talks to Slack, shares no decoding code with the adapter that it
// judges, and never leaves loopback unless a caller gives it a request URL
// elsewhere. What it imitates is read from https://docs.slack.dev and is
// itself judged by Slack's own clients (see conformance/slack).
package slackfake
