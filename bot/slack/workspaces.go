package slack

import (
	"context"
	"errors"

	"github.com/perch-chat/perch/bot"
)

// Workspaces is the app in several workspaces.
type Workspaces struct{}

func (w *Workspaces) take(context.Context, bot.Sink, delivery) error { return errors.ErrUnsupported }
