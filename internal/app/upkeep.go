package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// lookAfter is how often Perch makes sure that X still delivers: X gives a
// webhook up after 28 hours of failures, and says so to nobody.
const lookAfter = time.Hour

// upkeepBy is who retries what upkeep does.
const upkeepBy = "upkeep"

// upkeep renews each account's subscription at the start and every hour. One
// that is in order costs two reads of what is registered.
func (a *App) upkeep(ctx context.Context) error {
	// After a rotation of the encryption key, what the old one sealed is
	// sealed anew, so that the old key can go.
	switch n, err := a.Accounts.Reseal(ctx); {
	case err != nil && ctx.Err() == nil:
		a.log.WarnContext(ctx, "tokens could not be sealed with the new encryption key: keep the old one among old_encryption_keys", "err", err)
	case n > 0:
		a.log.InfoContext(ctx, "tokens are sealed with the new encryption key: the old one can be taken out", "accounts", n)
	}
	if a.Installs != nil {
		switch n, err := a.Installs.Reseal(ctx); {
		case err != nil && ctx.Err() == nil:
			a.log.WarnContext(ctx, "tokens of slack workspaces could not be sealed with the new encryption key: keep the old one among old_encryption_keys", "err", err)
		case n > 0:
			a.log.InfoContext(ctx, "tokens of slack workspaces are sealed with the new encryption key", "workspaces", n)
		}
	}
	if !a.o.Config.X.Webhook {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	for {
		if err := a.DB.Update(ctx, a.resubscribe); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "upkeep failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *App) resubscribe(tx store.Tx) error {
	list, err := a.Accounts.List(tx)
	if err != nil {
		return err
	}
	for _, acc := range list {
		if acc.State != accounts.Connected {
			continue
		}
		again, err := a.resubscribeAgain(tx, acc.ID)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		payload, err := json.Marshal(accounts.XSubscribe{Account: acc.ID})
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		_, _, err = a.Outbox.Add(tx, outbox.Action{
			Kind: accounts.KindSubscribe, Key: fmt.Sprintf("app:subscribe:%s:%d", acc.ID, time.Now().UnixNano()),
			Slot: "subscribe:" + acc.ID, Order: "x.subscribe", Lanes: accounts.Lanes(acc.ID, "subscribe"),
			Subject: "account:" + acc.ID, Payload: payload,
		})
		if err != nil {
			return fmt.Errorf("add subscription: %w", err)
		}
	}
	return nil
}

// resubscribeAgain tries a failed subscription once more, instead of another
// one: what is wrong with it was said in the setup channel already.
func (a *App) resubscribeAgain(tx store.Tx, account string) (bool, error) {
	list, err := a.Outbox.BySubject(tx, "account:"+account)
	if err != nil {
		return false, err
	}
	for _, x := range list {
		if x.Kind == accounts.KindSubscribe && x.State == outbox.Failed {
			_, err := a.Outbox.Retry(tx, x.ID, upkeepBy)
			return true, err
		}
	}
	return false, nil
}
