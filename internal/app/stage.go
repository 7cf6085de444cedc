package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// stage is parts that begin and end together. The first that fails ends the
// program: half of Perch would lose what the other half takes in.
type stage struct {
	ctx    context.Context //nolint:containedctx // a stage is the life of its parts
	cancel context.CancelFunc
	wg     sync.WaitGroup

	failed chan struct{}
	once   sync.Once
	mu     sync.Mutex
	errs   []error
}

func newStage(ctx context.Context) *stage {
	s := &stage{failed: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

func (s *stage) run(name string, fn func(context.Context) error) {
	s.wg.Go(func() {
		err := fn(s.ctx)
		if err == nil || errors.Is(err, context.Canceled) && s.ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.errs = append(s.errs, fmt.Errorf("%s: %w", name, err))
		s.mu.Unlock()
		s.once.Do(func() { close(s.failed) })
	})
}

// stop ends the parts and waits for them.
func (s *stage) stop() error {
	s.cancel()
	s.wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}
