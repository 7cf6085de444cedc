package bolt

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/perch-chat/perch/store"
)

// TestFailureStays: a disk that works again after a failed write has perhaps
// lost what the kernel held, so it proves nothing.
func TestFailureStays(t *testing.T) {
	s, file := openOn(t)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	write := func() error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", []byte("k"), []byte(`1`)) })
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	fd := int(file.Fd())
	good, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(good) }()
	readOnly, err := os.Open(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = readOnly.Close() }()
	for _, disk := range []int{int(readOnly.Fd()), good} {
		if err := syscall.Dup3(disk, fd, 0); err != nil {
			t.Fatal(err)
		}
		if err := write(); !errors.Is(err, store.ErrFailed) {
			t.Errorf("Update = %v, want ErrFailed", err)
		}
	}
}
