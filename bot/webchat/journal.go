package webchat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// journal is the file that keeps the chat: one record a line, each synced
// before anybody is told. A nil file keeps nothing.
type journal struct {
	path  string
	f     *os.File
	size  int64
	lines int
	live  int // lines that the state needed when the file was last rewritten
	dead  error
}

// compactAfter is how many lines more than needed a journal may have.
const compactAfter = 20_000

// openJournal replays the file at path into st. A last line without its end was
// cut off while it was written: nobody was told of it, and it is dropped.
func openJournal(path string, st *state) (*journal, error) {
	j := &journal{path: path}
	if path == "" {
		return j, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("webchat: open the journal: %w", err)
	}
	j.f = f
	if err := j.replay(st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if j.lines > 0 && j.lines > 2*len(st.snapshot()) {
		if err := j.compact(st); err != nil {
			return nil, errors.Join(err, j.f.Close())
		}
	}
	return j, nil
}

func (j *journal) replay(st *state) error {
	r := bufio.NewReaderSize(j.f, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("webchat: read the journal: %w", err)
		}
		var rec record
		if err := json.Unmarshal(line, &rec); err != nil {
			return fmt.Errorf("webchat: line %d of the journal %s is damaged: %w", j.lines+1, j.path, err)
		}
		st.apply(rec)
		j.size += int64(len(line))
		j.lines++
	}
	if err := j.f.Truncate(j.size); err != nil {
		return fmt.Errorf("webchat: cut the journal: %w", err)
	}
	j.live = j.lines
	return nil
}

// append stores a record. st is the state before it, to rewrite the file from
// when it has grown too long.
func (j *journal) append(r record, st *state) error {
	if j.f == nil {
		return nil
	}
	if j.dead != nil {
		return j.dead
	}
	if j.lines > j.live+compactAfter {
		if err := j.compact(st); err != nil {
			return err
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("webchat: encode a record: %w", err)
	}
	b = append(b, '\n')
	_, err = j.f.WriteAt(b, j.size)
	if err == nil && r.Acked == "" { // a lost acknowledgement only means one delivery more
		err = j.f.Sync()
	}
	if err != nil {
		if terr := j.f.Truncate(j.size); terr != nil {
			j.dead = fmt.Errorf("webchat: the journal can't be written any more: %w", errors.Join(err, terr))
			return j.dead
		}
		return fmt.Errorf("webchat: write the journal: %w", err)
	}
	j.size += int64(len(b))
	j.lines++
	return nil
}

// compact replaces the file by the shortest that leads to the same state.
func (j *journal) compact(st *state) error {
	tmp := j.path + ".new"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // beside the journal
	if err != nil {
		return fmt.Errorf("webchat: rewrite the journal: %w", err)
	}
	var buf bytes.Buffer
	recs := st.snapshot()
	for _, r := range recs {
		b, err := json.Marshal(r)
		if err != nil {
			return errors.Join(fmt.Errorf("webchat: encode a record: %w", err), f.Close())
		}
		buf.Write(b)
		buf.WriteByte('\n')
	}
	_, err = f.Write(buf.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(tmp, j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("webchat: rewrite the journal: %w", err), f.Close())
	}
	old := j.f
	j.f, j.size, j.lines, j.live = f, int64(buf.Len()), len(recs), len(recs)
	if err := old.Close(); err != nil {
		return fmt.Errorf("webchat: close the old journal: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j.f == nil {
		return nil
	}
	if err := j.f.Close(); err != nil {
		return fmt.Errorf("webchat: close the journal: %w", err)
	}
	return nil
}
