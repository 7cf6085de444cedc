package xfake

import (
	"bytes"
	"encoding/base64"
	"mime/multipart"
	"strconv"
	"testing"
	"time"
)

func (h *harness) initMedia(want int, tok, typ, category string, total int) string {
	h.t.Helper()
	a := h.call(want, "POST", "/2/media/upload/initialize", tok, map[string]any{"media_type": typ, "media_category": category, "total_bytes": total})
	if want != 200 {
		return ""
	}
	return a.str(h.t, "data", "id")
}

func (h *harness) appendMedia(want int, tok, id string, seg int, b []byte) answer {
	h.t.Helper()
	var buf bytes.Buffer
	mw := multipart.NewWriter(&buf)
	if err := mw.WriteField("segment_index", strconv.Itoa(seg)); err != nil {
		h.t.Fatal(err)
	}
	w, err := mw.CreateFormFile("media", "blob")
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		h.t.Fatal(err)
	}
	if err := mw.Close(); err != nil {
		h.t.Fatal(err)
	}
	a, err := h.send("POST", "/2/media/upload/"+id+"/append", "Bearer "+tok, mw.FormDataContentType(), &buf)
	if err != nil {
		h.t.Fatal(err)
	}
	if a.status != want {
		h.t.Fatalf("append %d = %d, want %d: %s", seg, a.status, want, a.raw)
	}
	return a
}

func TestChunkedUploadWithProcessing(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	other, _ := h.login(h.cust.ID, allScopes)
	id := h.initMedia(200, tok, "video/mp4", "tweet_video", 10)
	use := map[string]any{"text": "v", "media": map[string]any{"media_ids": []string{id}}}
	h.appendMedia(400, tok, id, 1, []byte("01234"))
	h.appendMedia(400, other, id, 0, []byte("01234"))
	h.appendMedia(200, tok, id, 0, []byte("01234"))
	h.call(400, "POST", "/2/media/upload/"+id+"/finalize", tok, nil)
	h.appendMedia(400, tok, id, 1, []byte("567890"))
	h.call(200, "POST", "/2/media/upload/"+id+"/append", tok, map[string]any{"segment_index": 1, "media": base64.StdEncoding.EncodeToString([]byte("56789"))})
	h.call(400, "POST", "/2/tweets", tok, use)
	a := h.call(200, "POST", "/2/media/upload/"+id+"/finalize", tok, nil)
	if a.str(t, "data", "processing_info", "state") != "pending" || a.at(t, "data", "processing_info", "check_after_secs") != 1.0 {
		t.Errorf("finalize = %s", a.raw)
	}
	for _, want := range []string{"in_progress", "succeeded"} {
		h.call(400, "POST", "/2/tweets", tok, use)
		h.clock.add(time.Second)
		a := h.call(200, "GET", "/2/media/upload?command=STATUS&media_id="+id, tok, nil)
		if got := a.str(t, "data", "processing_info", "state"); got != want {
			t.Errorf("state = %q, want %q", got, want)
		}
	}
	h.call(400, "POST", "/2/tweets", other, use)
	h.call(201, "POST", "/2/tweets", tok, use)
}

func TestMediaExpires(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	id := h.call(200, "POST", "/2/media/upload", tok, map[string]any{
		"media": base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n")), "media_category": "tweet_image",
	}).str(t, "data", "id")
	h.clock.add(24*time.Hour + time.Second)
	tok, _ = h.login(h.acme.ID, allScopes)
	h.call(400, "POST", "/2/tweets", tok, map[string]any{"text": "late", "media": map[string]any{"media_ids": []string{id}}})
}

func TestMediaFailure(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	id := h.initMedia(200, tok, "image/gif", "dm_gif", 3)
	h.appendMedia(200, tok, id, 0, []byte("GIF"))
	h.call(200, "POST", "/2/media/upload/"+id+"/finalize", tok, nil)
	if !h.s.FailMedia(id, "Corrupt GIF") {
		t.Fatal("FailMedia = false")
	}
	h.clock.add(3 * time.Second)
	a := h.call(200, "GET", "/2/media/upload?command=STATUS&media_id="+id, tok, nil)
	if a.str(t, "data", "processing_info", "state") != "failed" || a.str(t, "data", "processing_info", "error", "message") != "Corrupt GIF" {
		t.Errorf("STATUS = %s", a.raw)
	}
}

func TestMediaIsChecked(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	for _, tc := range []struct {
		typ, category string
		total, want   int
	}{
		{"image/png", "tweet_image", 5 << 20, 200},
		{"image/png", "tweet_image", 5<<20 + 1, 400},
		{"image/gif", "tweet_gif", 15 << 20, 200},
		{"image/gif", "tweet_gif", 15<<20 + 1, 400},
		{"video/mp4", "dm_video", 512 << 20, 200},
		{"video/mp4", "dm_video", 512<<20 + 1, 400},
		{"image/png", "dm_video", 10, 400},
		{"video/mp4", "tweet_image", 10, 400},
		{"image/svg+xml", "tweet_image", 10, 400},
		{"image/png", "TweetImage", 10, 400},
		{"image/png", "", 10, 400},
		{"image/png", "dm_image", 0, 400},
	} {
		h.initMedia(tc.want, tok, tc.typ, tc.category, tc.total)
	}
	one := func(want int, body map[string]any) { h.t.Helper(); h.call(want, "POST", "/2/media/upload", tok, body) }
	png := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n"))
	one(400, map[string]any{"media": png})
	one(400, map[string]any{"media": png, "media_category": "tweet_video"})
	one(400, map[string]any{"media_category": "tweet_image"})
	one(400, map[string]any{"media": "not base64!", "media_category": "tweet_image"})
	one(400, map[string]any{"media": png, "media_category": "tweet_image", "command": "INIT"})
	one(400, map[string]any{"media": base64.StdEncoding.EncodeToString([]byte("plain words")), "media_category": "tweet_image"})
}

// TestMediaOfMessages: what a message shows must be the sender's own, of the
// right kind, worked through and not too old.
func TestMediaOfMessages(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	other, _ := h.login(h.cust.ID, allScopes)
	send := func(want int, tok, to, media string) {
		t.Helper()
		h.call(want, "POST", "/2/dm_conversations/with/"+to+"/messages", tok, map[string]any{"attachments": []any{map[string]any{"media_id": media}}})
	}
	id := h.initMedia(200, tok, "image/gif", "dm_gif", 6)
	h.appendMedia(200, tok, id, 0, []byte("GIF89a"))
	send(400, tok, h.cust.ID, id)
	h.call(200, "POST", "/2/media/upload/"+id+"/finalize", tok, nil)
	send(400, tok, h.cust.ID, id) // X still works on it
	h.clock.add(3 * time.Second)
	send(400, other, h.acme.ID, id)
	send(201, tok, h.cust.ID, id)
	send(400, tok, h.cust.ID, "12345")
	h.clock.add(24 * time.Hour)
	tok, _ = h.login(h.acme.ID, allScopes)
	send(400, tok, h.cust.ID, id)
	dms := h.s.DMs(h.acme.ID, h.cust.ID)
	if len(dms) != 1 {
		t.Fatalf("%d messages were sent, want one", len(dms))
	}
	if f, ok := h.s.Media(dms[0].MediaIDs[0]); !ok || f.Type != "image/gif" || string(f.Data) != "GIF89a" {
		t.Errorf("the customer sees %+v", f)
	}
}

func TestCategoryDecidesUse(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	up := func(category string) string {
		return h.call(200, "POST", "/2/media/upload", tok, map[string]any{
			"media": base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n")), "media_category": category,
		}).str(t, "data", "id")
	}
	tweet, dm := up("tweet_image"), up("dm_image")
	with := func(id string) map[string]any {
		return map[string]any{"attachments": []any{map[string]any{"media_id": id}}}
	}
	h.call(403, "POST", "/2/dm_conversations/with/2002/messages", tok, with(tweet))
	h.call(201, "POST", "/2/dm_conversations/with/2002/messages", tok, with(dm))
	h.call(400, "POST", "/2/tweets", tok, map[string]any{"text": "", "media": map[string]any{"media_ids": []string{dm}}})
	id := h.call(201, "POST", "/2/tweets", tok, map[string]any{"text": "", "media": map[string]any{"media_ids": []string{tweet}}}).str(t, "data", "id")
	h.call(200, "GET", "/media/"+tweet, "", nil)
	h.call(404, "GET", "/media/"+dm, "", nil)
	h.call(200, "DELETE", "/2/tweets/"+id, tok, nil)
	h.call(404, "GET", "/media/"+tweet, "", nil)
}
