package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// releaseStart gives back the memory in which the program itself was read while
// it started: most of that code never runs again. What does is mapped again
// when it is needed, from the file, which cannot change while it runs. It only
// saves memory, so what goes wrong is left as it is.
func releaseStart() {
	exe, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for _, m := range ownMappings(string(maps), exe) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// ownMappings are those parts of a program's file in memory that nobody can
// have written to, as proc_pid_maps(5) lists them.
func ownMappings(maps, exe string) (own []mapping) {
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) != 6 || f[5] != exe || len(f[1]) != 4 || f[1][1] != '-' {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, errA := strconv.ParseUint(from, 16, strconv.IntSize)
		b, errB := strconv.ParseUint(to, 16, strconv.IntSize)
		if errA == nil && errB == nil && a < b {
			own = append(own, mapping{uintptr(a), uintptr(b)})
		}
	}
	return own
}
