//go:build linux || darwin

package doctor

import "syscall"

// free is the room that Perch may still use in the file system of dir.
func free(dir string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}
