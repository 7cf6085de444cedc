// Package slack is the adapter to Slack, over Socket Mode or HTTP. It turns
// what happens in Slack into events, and acknowledges an event once it is
// stored; it turns messages and forms into Block Kit in which nothing that a
// customer or a template wrote is markup. It decides nothing, keeps nothing on
// disk, and never sends a message twice: a call whose outcome nobody knows is
// an error that says so. The SDK serves for Block Kit's types only, because it
// puts tokens into bodies and hides parts of answers that matter.
package slack
