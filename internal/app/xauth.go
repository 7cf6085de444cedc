package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/xapi"
)

// authorizer is X's side of an authorization, for the accounts.
type authorizer struct{ x *xapi.Client }

var _ accounts.Authorizer = authorizer{}

func (a authorizer) AuthCodeURL(state, verifier string) string {
	return a.x.AuthCodeURL(state, verifier, accounts.RequiredScopes()...)
}

func (a authorizer) Exchange(ctx context.Context, code, verifier string) (accounts.Tokens, error) {
	t, err := a.x.Exchange(ctx, code, verifier)
	if e, ok := errors.AsType[*xapi.Error](err); ok && e.Code == xapi.CodeInvalidClient {
		return accounts.Tokens{}, fmt.Errorf("%w: %w", accounts.ErrKeys, err)
	}
	if err != nil {
		return accounts.Tokens{}, err
	}
	return tokens(t), nil
}

func (a authorizer) Refresh(ctx context.Context, refresh string) (accounts.Tokens, error) {
	t, err := a.x.Refresh(ctx, refresh)
	var e *xapi.Error
	switch {
	case err == nil:
		return tokens(t), nil
	case !errors.As(err, &e), e.Uncertain:
		return accounts.Tokens{}, err
	case e.Code == xapi.CodeInvalidGrant:
		return accounts.Tokens{}, fmt.Errorf("%w: %w", accounts.ErrGrantDead, err)
	}
	return accounts.Tokens{}, fmt.Errorf("%w: %w", accounts.ErrLater, err)
}

func (a authorizer) Me(ctx context.Context, access string) (accounts.Profile, error) {
	u, err := a.x.Me(ctx, access)
	if err != nil {
		return accounts.Profile{}, err
	}
	return accounts.Profile{ID: u.ID, Handle: u.Username, Name: u.Name, AvatarURL: u.AvatarURL, Subscription: u.Subscription}, nil
}

// Revoke takes back the refresh token first: with it gone nothing can be renewed.
func (a authorizer) Revoke(ctx context.Context, t accounts.Tokens) error {
	for _, x := range []struct{ token, hint string }{
		{t.Refresh.Reveal(), xapi.HintRefresh}, {t.Access.Reveal(), xapi.HintAccess},
	} {
		if x.token == "" {
			continue
		}
		err := a.x.Revoke(ctx, x.token, x.hint)
		var e *xapi.Error
		if err != nil && (!errors.As(err, &e) || e.Code != xapi.CodeInvalidGrant && e.Code != xapi.CodeUnauthorized) {
			return err
		}
	}
	return nil
}

func tokens(t *xapi.Token) accounts.Tokens {
	return accounts.Tokens{
		Access: accounts.Secret(t.AccessToken), Refresh: accounts.Secret(t.RefreshToken), Expires: t.Expiry, Scopes: t.Scopes,
	}
}
