package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrLeaseHeld is returned when another owner has the lease.
	ErrLeaseHeld = errors.New("store: lease is held by another")

	// ErrLeaseLost is returned when a lease is no longer the caller's.
	ErrLeaseLost = errors.New("store: lease lost")
)

// Lease is the right to do something that one replica at a time may do. Its
// token grows with each change of hands, and is the fence: what is done under
// a lease either calls [CheckLease] in its own Update, or hands the token to
// something that refuses smaller ones.
type Lease struct {
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	Token   uint64    `json:"token"`
	Expires time.Time `json:"expires"` // zero once released
}

func leaseTable() Table[Lease] {
	return Table[Lease]{Name: "store.lease", Key: func(l Lease) []byte { return Key(l.Name) }}
}

// clock is the time that all users of the store agree on, where there is one.
func clock(tx Tx) (time.Time, error) {
	if c, ok := tx.(Clock); ok {
		now, err := c.Now()
		return now.UTC(), err
	}
	return time.Now().UTC(), nil
}

// AcquireLease takes the lease name for ttl if nobody has it or its time is
// over, else it returns [ErrLeaseHeld] and whose it is. An owner that has it
// already, such as one that was restarted, gets a new token, which fences off
// what it did before.
func AcquireLease(tx Tx, name, owner string, ttl time.Duration) (Lease, error) {
	now, err := clock(tx)
	if err != nil {
		return Lease{}, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	l, ok, err := leaseTable().Find(tx, Key(name))
	if err != nil {
		return Lease{}, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	if ok && l.Owner != owner && now.Before(l.Expires) {
		return l, fmt.Errorf("acquire lease %s: %w: %s has it until %s", name, ErrLeaseHeld, l.Owner, l.Expires.Format(time.RFC3339))
	}
	l = Lease{Name: name, Owner: owner, Token: l.Token + 1, Expires: now.Add(ttl)}
	if err := leaseTable().Put(tx, l); err != nil {
		return Lease{}, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	return l, nil
}

// RenewLease makes the lease last for ttl from now. It returns [ErrLeaseLost]
// if another took it; one that only ran out is renewed.
func RenewLease(tx Tx, l Lease, ttl time.Duration) (Lease, error) {
	if _, err := currentLease(tx, l); err != nil {
		return Lease{}, fmt.Errorf("renew lease %s: %w", l.Name, err)
	}
	now, err := clock(tx)
	if err != nil {
		return Lease{}, fmt.Errorf("renew lease %s: %w", l.Name, err)
	}
	l.Expires = now.Add(ttl)
	if err := leaseTable().Put(tx, l); err != nil {
		return Lease{}, fmt.Errorf("renew lease %s: %w", l.Name, err)
	}
	return l, nil
}

// ReleaseLease lets others take the lease at once. Releasing one that was lost
// does nothing. The token is remembered, so that it goes on growing.
func ReleaseLease(tx Tx, l Lease) error {
	cur, err := currentLease(tx, l)
	if errors.Is(err, ErrLeaseLost) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release lease %s: %w", l.Name, err)
	}
	cur.Owner, cur.Expires = "", time.Time{}
	return leaseTable().Put(tx, cur)
}

// CheckLease returns [ErrLeaseLost] unless the lease is still the caller's.
// Called in the Update that it protects, nobody can take the lease before that
// is committed. The clock does not matter: a lease that ran out and was not
// taken by another is still the caller's.
func CheckLease(tx Tx, l Lease) error {
	if _, err := currentLease(tx, l); err != nil {
		return fmt.Errorf("check lease %s: %w", l.Name, err)
	}
	return nil
}

func currentLease(tx Tx, l Lease) (Lease, error) {
	cur, ok, err := leaseTable().Find(tx, Key(l.Name))
	switch {
	case err != nil:
		return Lease{}, err
	case !ok || cur.Token != l.Token || cur.Owner != l.Owner:
		return Lease{}, ErrLeaseLost
	}
	return cur, nil
}

// HoldLease waits for the lease and runs fn while it has it, renewing it three
// times in each ttl. The context of fn ends when the lease is lost, or may be:
// when it could not be renewed in time. HoldLease returns once fn has; an fn
// that returns nil ends it, and the lease is released.
func HoldLease(ctx context.Context, s Store, name, owner string, ttl time.Duration, fn func(ctx context.Context, l Lease) error) error {
	l, err := waitForLease(ctx, s, name, owner, ttl)
	if err != nil {
		return err
	}
	held, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		cancel(keepLease(held, s, l, ttl))
	}()
	err = fn(held, l)
	if cause := context.Cause(held); errors.Is(cause, ErrLeaseLost) && err != nil {
		err = errors.Join(cause, err)
	}
	cancel(nil)
	<-renewed
	free := context.WithoutCancel(ctx) // released even when ctx has ended, so that others need not wait
	return errors.Join(err, s.Update(free, func(tx Tx) error { return ReleaseLease(tx, l) }))
}

// waitForLease tries to take the lease until it can.
func waitForLease(ctx context.Context, s Store, name, owner string, ttl time.Duration) (l Lease, err error) {
	for {
		err = s.Update(ctx, func(tx Tx) (err error) {
			l, err = AcquireLease(tx, name, owner, ttl)
			return err
		})
		if !errors.Is(err, ErrLeaseHeld) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return l, ctx.Err()
		case <-time.After(ttl / 3):
		}
	}
}

// keepLease renews the lease until ctx ends or the lease cannot be kept. A
// store that fails is tried again while the lease lasts by the own clock.
func keepLease(ctx context.Context, s Store, l Lease, ttl time.Duration) error {
	tick := time.NewTicker(ttl / 3)
	defer tick.Stop()
	good := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		asked := time.Now()
		attempt, cancel := context.WithDeadline(ctx, good.Add(ttl))
		err := s.Update(attempt, func(tx Tx) error {
			_, err := RenewLease(tx, l, ttl)
			return err
		})
		cancel()
		switch {
		case err == nil:
			good = asked
		case errors.Is(err, ErrLeaseLost):
			return err
		case time.Since(good)+ttl/3 >= ttl:
			return fmt.Errorf("%w: %w", ErrLeaseLost, err)
		}
	}
}
