// Package rcfake is Rocket.Chat on loopback: a stand-in for the parts of a
// Rocket.Chat 7 or 8 workspace that Perch uses, for tests and benchmarks.
//
// It answers the REST API with the shapes, refusals and rate limits of the
// real server, speaks its realtime API (DDP over WebSocket), and keeps rooms,
// visitors, departments and agents. People are played through its methods:
// they write, press buttons, take and close customers' rooms, and see what a
// person in Rocket.Chat would see.
//
// It never talks to a real workspace and shares no decoding code with the
// adapter that it judges. What it imitates is read from
// https://developer.rocket.chat and the server's published request schemas.
package rcfake
