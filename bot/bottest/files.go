package bottest

import (
	"bytes"
	"io"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// picture is a file that chats take for a picture.
func picture() []byte {
	return append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), bytes.Repeat([]byte{7}, 4000)...)
}

func testDownload(t *testing.T, c *chat) {
	fi := ability[bot.Filer](t, c)
	need(t, "files from people in its harness", c.Attach != nil)
	c.start(t)
	ref, err := c.Attach(t.Context(), c.People[0], "", "look", "shot.png", picture())
	must(t, "attach", err)
	ev := c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == ref })
	if len(ev.Files) != 1 || ev.Files[0].Name != "shot.png" || ev.Files[0].Type != "image/png" || ev.Files[0].Size != int64(len(picture())) || ev.Text != "look" {
		t.Fatalf("event %+v, want the file", ev)
	}
	get := func(limit int64) ([]byte, error) {
		body, err := fi.Download(t.Context(), ev.Files[0], limit)
		if err != nil {
			return nil, err
		}
		got, err := io.ReadAll(body)
		if cerr := body.Close(); cerr != nil {
			t.Errorf("close: %v", cerr)
		}
		return got, err
	}
	for _, limit := range []int64{1 << 20, int64(len(picture()))} {
		if got, err := get(limit); err != nil || !bytes.Equal(got, picture()) {
			t.Errorf("Download up to %d bytes = %d bytes, %v, want the file", limit, len(got), err)
		}
	}
	_, err = get(int64(len(picture())) - 1)
	definite(t, "Download of more than the limit", err)
	if e := code(err); e != "file_too_large" {
		t.Errorf("Download of more than the limit has the code %q", e)
	}
	_, err = fi.Download(t.Context(), bot.File{ID: "F0NONE", Name: "x", URL: "http://127.0.0.1:1/x"}, 100)
	definite(t, "Download of nothing", err)
}

func testUpload(t *testing.T, c *chat) {
	fi := ability[bot.Filer](t, c)
	need(t, "files in its harness", c.Files != nil)
	root := c.post(t, bot.Message{Text: "root", Key: "upload:0"})
	up := bot.Upload{Channel: c.Channel, Name: "../graph <1>.png", Type: "image/png", Size: int64(len(picture())), Alt: "A graph", Text: "*see* <!here>"}
	shown := func(ref, thread bot.MessageRef) {
		t.Helper()
		s := c.see(t, c.People[1], ref, "the upload", anything)
		if s.Thread != thread || len(s.Mentions) > 0 || len(s.Styled) > 0 {
			t.Errorf("the upload is seen as %+v", s)
		}
		files, err := c.Files(t.Context(), ref)
		must(t, "look at the files", err)
		if len(files) != 1 || files[0].Name == "" || files[0].Alt != "A graph" || !bytes.Equal(files[0].Data, picture()) {
			t.Errorf("the upload has %d files: %q", len(files), files[0].Name)
		}
	}
	up.Content = bytes.NewReader(picture())
	ref, err := fi.Upload(t.Context(), up)
	must(t, "Upload", err)
	shown(ref, "")
	up.Thread, up.Content = root, bytes.NewReader(picture())
	ref, err = fi.Upload(t.Context(), up)
	must(t, "Upload into a thread", err)
	shown(ref, root)

	if st, ok := fi.(bot.Stager); ok {
		before := len(c.look(t, c.People[1]))
		up.Content = bytes.NewReader(picture())
		id, err := st.Stage(t.Context(), up)
		must(t, "Stage", err)
		if n := len(c.look(t, c.People[1])); n != before {
			t.Errorf("a staged file is seen: %d messages instead of %d", n, before)
		}
		first, err := st.Share(t.Context(), up, id)
		must(t, "Share", err)
		again, err := st.Share(t.Context(), up, id)
		if err != nil || again != first {
			t.Errorf("Share again = %q, %v, want %q", again, err, first)
		}
		if n := len(c.look(t, c.People[1])); n != before+1 {
			t.Errorf("a file that was shared twice makes %d messages", n-before)
		}
	}
	up.Channel, up.Thread, up.Content = c.NoChannel, "", bytes.NewReader(picture())
	_, err = fi.Upload(t.Context(), up)
	definite(t, "Upload to no channel", err)
}
