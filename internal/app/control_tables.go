package app

import (
	"slices"

	"github.com/perch-chat/perch/commands"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/installs"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// Tables are all tables that Perch keeps, for a check of the store.
func Tables() []store.Checker {
	return slices.Concat(
		[]store.Checker{effects, checkpoints, restoredMarks, chatSecrets, shelves},
		outbox.Tables(), inbox.Tables(), accounts.Tables(), installs.Tables(), incident.Tables(), desk.Tables(), web.Tables(), commands.Tables(),
	)
}
