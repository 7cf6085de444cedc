package rocketchat

import (
	"context"
	"time"
)

// A look that the server has no answer to is taken again this often, each time
// later: for what is heard, to give up means to connect anew and to read all
// rooms again, which is many looks more.
const (
	hiccups = 2
	hiccup  = 100 * time.Millisecond
)

// ask makes a call that changes nothing, and makes it again where the server
// stumbled over it.
func (a *Adapter) ask(ctx context.Context, r request, out any) error {
	for n := 1; ; n++ {
		err := a.rest.call(ctx, r, out)
		if err == nil || code(err) != "" || n > hiccups || ctx.Err() != nil {
			return err
		}
		pause(ctx, time.Duration(n)*hiccup)
	}
}
