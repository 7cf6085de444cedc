package commands

import (
	"strings"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// followUp goes on with what waited for an action. What it is about stands
// before the colon of the action's subject.
func (r *Router) followUp(tx store.Tx, a outbox.Action) (handled bool, err error) {
	head, rest, _ := strings.Cut(a.Subject, ":")
	switch head + ":" {
	case placeSubject:
		return true, r.placeChanged(tx, rest, a)
	case setupSubject:
		return true, r.setupChanged(tx, rest, a)
	case inviteSubject:
		return true, r.told(tx, inviteTrouble, a)
	case homeSubject:
		return true, r.told(tx, homeTitle, a)
	case linkSubject:
		return true, r.linkRead(tx, rest, a)
	case askSubject:
		return true, r.messageRead(tx, rest, a)
	case markSubject:
		return true, r.markRead(tx, rest, a)
	case roomSubject, roomLookSubject:
		return true, r.roomChanged(tx, rest, a)
	case roomArchiveSubject:
		return true, r.archiveChanged(tx, rest, a)
	case roomInviteSubject:
		return true, r.told(tx, "Inviting people to the channel of "+rest, a)
	}
	return false, nil
}

// told notes an action's failure as a trouble, and its success as the end of one.
func (r *Router) told(tx store.Tx, what string, a outbox.Action) error {
	switch a.State {
	case outbox.Done:
		return r.cured(tx, what)
	case outbox.Failed:
		return r.trouble(tx, what, a)
	default:
		return nil
	}
}
