package outbox

import (
	"context"
)

// Run works until ctx ends.
func (o *Outbox) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
