package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
)

// spooled is a file on its way between X and a chat: on disk and without a
// name there, so that its size costs no memory and nothing of it stays.
type spooled struct {
	file *os.File
	size int64
	typ  string // as its first bytes say; empty if they say nothing known
}

// errTooLong is a file that goes on behind its limit.
var errTooLong = errors.New("the file is longer than the limit")

// sniffed is how many bytes tell what a file is.
const sniffed = 512

// spool reads a file of at most limit bytes.
func spool(r io.Reader, limit int64) (*spooled, error) {
	f, err := os.CreateTemp("", "perch-file-*")
	if err != nil {
		return nil, fmt.Errorf("keep the file: %w", err)
	}
	s := &spooled{file: f}
	s.size, err = io.Copy(f, io.LimitReader(r, limit+1))
	if err == nil && s.size > limit {
		err = errTooLong
	}
	if err == nil {
		head := make([]byte, sniffed)
		n, rerr := f.ReadAt(head, 0)
		if rerr != nil && !errors.Is(rerr, io.EOF) {
			err = rerr
		}
		s.typ = sniff(head[:n])
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("read the file: %w", err)
	}
	return s, nil
}

// reader is the file from its beginning.
func (s *spooled) reader() io.Reader { return io.NewSectionReader(s.file, 0, s.size) }

func (s *spooled) close() {
	_ = s.file.Close()           // nothing of it is needed any more
	_ = os.Remove(s.file.Name()) // else the system clears its folder of such files
}

// mediaTypes are what X and a chat may exchange, and how their names end: no
// documents, and nothing that a browser runs.
func mediaTypes() map[string]string {
	return map[string]string{
		"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp", "image/tiff": ".tiff",
		"video/mp4": ".mp4", "video/quicktime": ".mov", "video/webm": ".webm", "video/mp2t": ".ts",
	}
}

// sniff tells the media type from a file's first bytes: one of mediaTypes, or
// nothing. What its sender says of it doesn't count.
func sniff(head []byte) string {
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return sniffMP4(head)
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return "image/tiff"
	case len(head) > 188 && head[0] == 0x47 && head[188] == 0x47:
		return "video/mp2t"
	}
	typ, _, _ := strings.Cut(http.DetectContentType(head), ";")
	if _, ok := mediaTypes()[typ]; !ok {
		return ""
	}
	return typ
}

// sniffMP4 tells by its brands what a file of the MP4 family is: pictures of
// phones (HEIC, AVIF) belong to it too.
func sniffMP4(head []byte) string {
	size := int(head[0])<<24 | int(head[1])<<16 | int(head[2])<<8 | int(head[3])
	end := min(max(size, 12), len(head))
	for at := 8; at+4 <= end; at += 4 {
		if at == 12 {
			continue // the version of the first brand
		}
		switch brand := string(head[at : at+4]); {
		case brand == "qt  ":
			return "video/quicktime"
		case brand == "heic", brand == "heix", brand == "mif1", brand == "msf1", brand == "avif", brand == "avis":
			return ""
		case strings.HasPrefix(brand, "mp4"), strings.HasPrefix(brand, "iso"), brand == "avc1", brand == "dash",
			strings.HasPrefix(brand, "M4V"), strings.HasPrefix(brand, "3gp"):
			return "video/mp4"
		}
	}
	return ""
}

// taken reports whether a type is one of a list like "image/*, video/mp4". An
// empty list means all of mediaTypes.
func taken(typ string, list []string) bool {
	if _, known := mediaTypes()[typ]; !known {
		return false
	}
	major, _, _ := strings.Cut(typ, "/")
	return len(list) == 0 || slices.Contains(list, typ) || slices.Contains(list, major+"/*")
}

// fileName is a name for a chat to show: without folders, of a bounded length,
// and ending as its type does.
func fileName(name, typ string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.TrimSpace(name))
	end := mediaTypes()[typ]
	if ext := path.Ext(name); len(ext) <= 5 {
		name = strings.TrimSuffix(name, ext)
	}
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	name = strings.Trim(name, ". ")
	if name == "" {
		name = "file"
	}
	return name + end
}

// megabytes is a size for people.
func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1<<10-1)>>10)
	}
	return fmt.Sprintf("%d MB", (n+1<<20-1)>>20)
}

// patience is how long a file of a size may be on its way: a minute, and more
// for what is big, at a slow 500 KB a second, twice.
func patience(size int64) time.Duration {
	const slow = 500 << 10
	return time.Minute + 2*time.Duration(size/slow)*time.Second
}
