package bot

import (
	"context"
	"time"
)

// Abilities of platforms that know how they are doing.
type (
	// Healther says how the connection to the chat is doing. It calls nobody
	// and does not block.
	Healther interface{ Health() Health }

	// Examiner looks at the chat's side of the installation (tokens, scopes,
	// clock, connection) and changes nothing there.
	Examiner interface {
		Examine(ctx context.Context) []Finding
	}
)

// Health is how the connection to a chat is doing.
type Health struct {
	// Problem is why what people do in the chat does not reach Perch, and what
	// to do about it, in plain words. Empty if it does.
	Problem string `json:"problem,omitempty"`

	// Refused: trying again does not help; a person has to do something.
	Refused bool `json:"refused,omitempty"`

	// Began: the chat took Perch's credentials at least once since the start.
	Began bool `json:"-"`

	Sockets   int       `json:"sockets"`             // open and greeted
	Wanted    int       `json:"wanted"`              // how many there should be
	Opened    int64     `json:"opened"`              // sockets opened since the start
	Received  int64     `json:"received"`            // deliveries since the start
	Acked     int64     `json:"acked"`               // of those, acknowledged
	Undecoded int64     `json:"undecoded"`           // of those, unreadable
	NotStored int64     `json:"not_stored"`          // of those, not stored in time, so not acknowledged
	Heard     time.Time `json:"last_heard,omitzero"` // when the chat was last heard
}

// Finding is what an examination found.
type Finding struct {
	About   string // "token", "scopes", "clock"
	Text    string // what was found
	Do      string // what to do about it; empty if all is well
	Serious bool   // something does not work until it is done
}
