// Package rocketchat is the adapter for Rocket.Chat 7 and 8. It calls the REST
// API, listens to the realtime API (DDP over WebSocket), and knows of bot
// alone: what is done with an event is decided elsewhere.
package rocketchat
