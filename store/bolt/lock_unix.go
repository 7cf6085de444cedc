//go:build unix

package bolt

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/perch-chat/perch/store"
)

// lockFile takes the lock that bbolt takes, without waiting.
func lockFile(f *os.File, exclusive bool) (unlock func(), err error) {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	fd := int(f.Fd())
	switch err := syscall.Flock(fd, how|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, store.ErrInUse
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	}
	return func() { _ = syscall.Flock(fd, syscall.LOCK_UN) }, nil // closing the file unlocks it anyway
}
