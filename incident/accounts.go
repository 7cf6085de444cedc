package incident

import (
	"errors"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/store"
)

// Connected is what FromAccounts needs of the connected accounts.
type Connected interface {
	Get(tx store.Tx, accountID string) (accounts.Account, error)
	Default(tx store.Tx) (accounts.Account, bool, error)
}

// FromAccounts finds X accounts among the connected ones. One that has to be
// connected again is found, but isn't ready; one that was disconnected isn't
// found.
func FromAccounts(a Connected) Accounts { return connected{a} }

type connected struct{ a Connected }

func (c connected) Account(tx store.Tx, id string) (XAccount, bool, error) {
	var acc accounts.Account
	var err error
	ok := true
	if id == "" {
		acc, ok, err = c.a.Default(tx)
	} else {
		acc, err = c.a.Get(tx, id)
		var unknown *accounts.Error
		if errors.As(err, &unknown) && unknown.Code == accounts.CodeNotFound || errors.Is(err, store.ErrNotFound) {
			return XAccount{}, false, nil
		}
	}
	if err != nil || !ok || acc.State == accounts.Unauthorized {
		return XAccount{}, false, err
	}
	return XAccount{ID: acc.ID, Handle: acc.Handle, Limit: acc.Limit, Ready: acc.State == accounts.Connected}, true, nil
}
