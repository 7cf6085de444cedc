package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnMappings(t *testing.T) {
	const maps = `00400000-012ea000 r-xp 00000000 fe:00 10510677                           /usr/bin/perch
012ea000-02184000 r--p 00eea000 fe:00 10510677                           /usr/bin/perch
02184000-021f0000 rw-p 01d84000 fe:00 10510677                           /usr/bin/perch
4ff15c00000-4ff16400000 rw-p 00000000 00:00 0 
7fba1ba00000-7fba5ba00000 r--s 00000000 fe:00 10510597                   /data/perch.db
7ffd0000-zzzz r--p 00000000 fe:00 10510677                           /usr/bin/perch
7f00-7e00 r--p 00000000 fe:00 10510677                           /usr/bin/perch
garbage
`
	got := ownMappings(maps, "/usr/bin/perch")
	want := []mapping{{0x400000, 0x12ea000}, {0x12ea000, 0x2184000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); diff != "" {
		t.Errorf("own mappings (-want +got):\n%s", diff)
	}
}

// TestReleaseStart: the program goes on as if nothing had happened.
func TestReleaseStart(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	if len(ownMappings(string(maps), exe)) == 0 {
		t.Fatalf("the program is not found in its own memory:\n%s", maps)
	}
	for range 3 {
		releaseStart()
		TestOwnMappings(t)
	}
}
