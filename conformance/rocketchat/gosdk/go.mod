// A module of its own: nothing of Perch needs what is in it. See
// docs/adr/0012-rocketchat-client.md.
module github.com/perch-chat/perch/conformance/rocketchat/gosdk

go 1.26.0

require (
	github.com/RocketChat/Rocket.Chat.Go.SDK v0.0.0-20240116134246-a8cbe886bab0
	github.com/perch-chat/perch v0.0.0
)

require (
	github.com/Jeffail/gabs v1.4.0 // indirect
	github.com/coder/websocket v1.8.15 // indirect
	github.com/gopackage/ddp v0.0.0-20170117053602-652027933df4 // indirect
	github.com/sony/sonyflake v1.0.0 // indirect
	golang.org/x/net v0.62.0 // indirect
)

replace github.com/perch-chat/perch => ../../..
