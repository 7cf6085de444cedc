package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi/xfake"
)

func pngBytes() []byte { return []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)) }
func gifBytes() []byte { return []byte("GIF89a" + strings.Repeat("x", 100)) }
func mp4Bytes() []byte {
	return []byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + strings.Repeat("x", 100))
}

// support is what the department's channel shows, from the customer's first message on.
func (w *world) support() []string { return w.chat.see("webchat:support") }

func (w *world) sees(what string, want ...string) {
	w.t.Helper()
	all := strings.Join(w.support(), "\n")
	for _, s := range want {
		if !strings.Contains(all, s) {
			w.t.Errorf("%s: the channel lacks %q:\n%s", what, s, all)
		}
	}
}

func (w *world) files() (names []string) {
	for _, s := range w.support() {
		if name, ok := strings.CutPrefix(s, "file "); ok {
			names = append(names, name)
		}
	}
	return names
}

func TestCustomersFiles(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		send := func(text string, f xfake.File) {
			t.Helper()
			if _, err := w.x.SendDMAs(casey, acme, text, f); err != nil {
				t.Fatal(err)
			}
			w.wait(3 * time.Second)
		}
		send("look", xfake.File{Data: pngBytes()})
		send("", xfake.File{Data: mp4Bytes(), Type: "video/mp4"})
		send("", xfake.File{Data: gifBytes(), Type: "image/gif"})
		if got, want := w.files(), []string{"photo.png", "video.mp4", "GIF.gif"}; !slices.Equal(got, want) {
			t.Errorf("files = %q, want %q in\n%s", got, want, strings.Join(w.support(), "\n"))
		}
		list := w.support()
		if i := slices.Index(list, "look"); i < 0 || list[i+1] != "file photo.png" {
			t.Errorf("the picture does not follow its message: %q", list)
		}
		// What it is said to be does not count.
		send("sly", xfake.File{Data: []byte("<html><script>alert(1)</script>"), Type: "image/png", Name: "a.png"})
		w.sees("a page", "sly", "photo (image/png) is not shown here. It is neither a picture nor a video.")
		send("big", xfake.File{Data: append(pngBytes(), make([]byte, 5<<20)...), Name: "b.png"})
		w.sees("a big one", "big", "is not shown here. It has more than the 5 MB that are allowed.")
		if n := len(w.files()); n != 3 {
			t.Errorf("%d files are shown: %q", n, w.files())
		}
	})
}

func TestFilesOfMentions(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		if _, err := w.x.PostFilesAs(casey, "@acme broken", xfake.File{Data: pngBytes()}, xfake.File{Data: pngBytes()}); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		if got := w.files(); len(got) != 2 {
			t.Errorf("files = %q in %q", got, w.support())
		}
	})
}

// TestFilesHoldNothingUp: what a customer writes next is shown while X does not
// give the file out, and the file comes when it does.
func TestFilesHoldNothingUp(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodGet, "/2/dm_conversations/media/**", xfake.Fault{Name: "media", Status: 503})
		for i, text := range []string{"one", "two"} {
			var f []xfake.File
			if i == 0 {
				f = append(f, xfake.File{Data: pngBytes()})
			}
			if _, err := w.x.SendDMAs(casey, acme, text, f...); err != nil {
				t.Fatal(err)
			}
		}
		w.wait(2 * time.Second)
		w.sees("while X has trouble", "one", "two")
		w.wait(20 * time.Second)
		if len(w.files()) != 0 {
			t.Fatalf("files = %q: X gave none out", w.files())
		}
		w.x.ClearFaults("media")
		w.wait(2 * time.Minute)
		if got := w.files(); len(got) != 1 {
			t.Errorf("files = %q, want the one, once", got)
		}
	})
}

func TestFileThatExpired(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodGet, "/2/dm_conversations/media/**", xfake.Fault{Status: 404})
		if _, err := w.x.SendDMAs(casey, acme, "look", xfake.File{Data: pngBytes()}); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		w.sees("expired", "look", "is not shown here. X does not give it out")
	})
}

// TestUploadOfUnknownOutcome: a file whose upload got no answer is shown once.
func TestUploadOfUnknownOutcome(t *testing.T) {
	for name, o := range map[string]outcome{
		"shown, answer lost":     {effect: true, err: errors.New("connection reset")},
		"not shown, answer lost": {err: errors.New("connection reset")},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				w.begin()
				w.chat.then("share", o)
				if _, err := w.x.SendDMAs(casey, acme, "look", xfake.File{Data: pngBytes()}); err != nil {
					t.Fatal(err)
				}
				w.wait(10 * time.Second)
				if got := w.files(); len(got) != 1 || w.chat.count("stage") != 1 {
					t.Errorf("files = %q after %d stages, want one, staged once", got, w.chat.count("stage"))
				}
			})
		})
	}
}

// agent writes in the newest conversation's thread.
func (w *world) agent(text string, files ...bot.File) {
	w.t.Helper()
	w.n++
	var thread bot.MessageRef
	w.chat.mu.Lock()
	for _, p := range w.chat.posts {
		if p.Channel == "webchat:support" && p.Thread == "" {
			thread = p.ref
		}
	}
	w.chat.mu.Unlock()
	err := w.app.Inbox.Sink("webchat").Deliver(w.t.Context(), bot.Event{
		ID: fmt.Sprintf("agent%d", w.n), Platform: "webchat", Kind: bot.EventMessage, At: time.Now(), Channel: "webchat:support", Thread: thread,
		Message: bot.MessageRef(fmt.Sprintf("webchat:a%d", w.n)), Text: text, Files: files,
		User: bot.User{Ref: "webchat:U_sam", Name: "Sam", Handle: "sam"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// talk has a customer write and Sam claim the conversation.
func (w *world) talk() {
	w.t.Helper()
	if _, err := w.x.SendDMAs(casey, acme, "hello"); err != nil {
		w.t.Fatal(err)
	}
	w.wait(3 * time.Second)
	id := ""
	w.chat.mu.Lock()
	for _, p := range w.chat.posts {
		for _, b := range p.Blocks {
			for _, x := range b.Buttons {
				if x.ID == "desk.claim" {
					id = x.Value
				}
			}
		}
	}
	w.chat.mu.Unlock()
	err := w.app.Inbox.Sink("webchat").Deliver(w.t.Context(), bot.Event{
		ID: "claim", Platform: "webchat", Kind: bot.EventAction, Action: "desk.claim", Value: id, Channel: "webchat:support",
		User: bot.User{Ref: "webchat:U_sam", Name: "Sam", Handle: "sam"}, At: time.Now(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.wait(time.Second)
}

// got is what the customer got, "text [type]".
func (w *world) got() (list []string) {
	for _, m := range w.x.DMs(acme, casey) {
		if m.From != acme || strings.HasPrefix(m.Text, "Thanks for writing") {
			continue
		}
		text := m.Text
		for _, id := range m.MediaIDs {
			f, _ := w.x.Media(id)
			text += " [" + f.Type + "]"
		}
		list = append(list, text)
	}
	return list
}

func (w *world) put(id string, data []byte, typ string) bot.File {
	w.chat.mu.Lock()
	defer w.chat.mu.Unlock()
	w.chat.files[id] = data
	return bot.File{ID: id, Name: id, Type: typ, Size: int64(len(data))}
}

func TestAgentsFiles(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.talk()
		w.agent("here you are", w.put("a.png", pngBytes(), "image/png"), w.put("b.gif", gifBytes(), "image/gif"), w.put("c.mp4", mp4Bytes(), "video/mp4"))
		w.wait(time.Minute)
		described := w.put("d.png", pngBytes(), "image/png")
		described.Alt = "A bird on a wire"
		w.agent("", described)
		w.wait(10 * time.Second)
		want := []string{"here you are [image/png]", " [image/gif]", " [video/mp4]", " [image/png]"}
		if got := w.got(); !slices.Equal(got, want) {
			t.Errorf("the customer got %q, want %q", got, want)
		}
		if n := len(slices.DeleteFunc(w.x.Calls(), func(c xfake.Call) bool { return c.Path != "/2/media/metadata" })); n != 1 {
			t.Errorf("%d files were described, want the one that its sender did", n)
		}
	})
}

func TestAgentsFilesRefused(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.talk()
		tests := []struct {
			name string
			file bot.File
			want string
		}{
			{"a document", w.put("a.pdf", []byte("%PDF-1.4"), "application/pdf"), "can't go to X, which takes pictures, GIFs and videos only"},
			{"too big for X", bot.File{ID: "b", Name: "b.png", Type: "image/png", Size: 6 << 20}, "b.png has 6 MB; X takes a picture of up to 5 MB"},
			{"not what it says", w.put("c.png", []byte("<svg onload=alert(1)>"), "image/png"), "c.png: X takes pictures, GIFs and videos only. Send another one"},
			{"bigger than it says", bot.File{ID: "d.png", Name: "d.png", Type: "image/png", Size: 10}, "d.png: it has more than the 5 MB"},
			{"gone", bot.File{ID: "e", Name: "e.png", Type: "image/png", Size: 10}, "The file was deleted. Send it again."},
		}
		w.put("d.png", append(pngBytes(), make([]byte, 5<<20)...), "image/png")
		for _, tt := range tests {
			w.agent("words "+tt.name, tt.file)
			w.wait(3 * time.Second)
			w.sees(tt.name, tt.want)
		}
		if got := w.got(); len(got) != 0 {
			t.Errorf("the customer got %q", got)
		}
	})
}

// TestDMWithFileFates: whatever becomes of the call that sends it, the customer
// gets the file once.
func TestDMWithFileFates(t *testing.T) {
	for name, f := range map[string]xfake.Fault{
		"answer lost":    {Path: messages, Drop: xfake.DropAfter},
		"cut before":     {Path: messages, Drop: xfake.DropBefore},
		"server error":   {Path: messages, Status: 503},
		"upload is away": {Path: "/2/media/upload", Status: 404},
		"media expired":  {Path: messages, Status: 400, Body: `{"title":"Invalid Request","detail":"Your media IDs are invalid.","status":400}`},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, w *world) {
				w.begin()
				f := f
				f.Times = 1
				w.fail(http.MethodPost, f.Path, f)
				file := w.put("a.png", pngBytes(), "image/png")
				id := w.add(outbox.Action{Kind: accounts.KindDM, Order: "x.dm", Lanes: accounts.Lanes(acme, "dm")}, accounts.XDM{
					Account: acme, Recipient: casey, Text: "see", File: &accounts.XFile{Platform: "webchat", ID: file.ID, Name: file.Name, Type: file.Type, Size: file.Size},
				})
				w.wait(10 * time.Minute)
				if name == "media expired" {
					w.want(id, outbox.Failed, "bad_media") // it was fresh: X does not want it
					return
				}
				w.want(id, outbox.Done, "")
				if got := w.got(); !slices.Equal(got, []string{"see [image/png]"}) {
					t.Errorf("the customer got %q", got)
				}
			})
		})
	}
}

// TestMediaIsKeptAndRenewed: a file that waits at X is used again, and brought
// again once X does not know it any more.
func TestMediaIsKeptAndRenewed(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		file := w.put("a.png", pngBytes(), "image/png")
		w.fail(http.MethodPost, messages, xfake.Fault{Name: "limit", Status: 429, Header: http.Header{"Retry-After": {"60"}}})
		id := w.add(outbox.Action{Kind: accounts.KindDM, Order: "x.dm", Lanes: accounts.Lanes(acme, "dm")}, accounts.XDM{
			Account: acme, Recipient: casey, Text: "see", File: &accounts.XFile{Platform: "webchat", ID: file.ID, Name: file.Name, Type: file.Type},
		})
		w.wait(10 * time.Minute)
		w.want(id, outbox.Queued, "rate_limited")
		if n := w.chat.count("download"); n != 1 {
			t.Errorf("the file was read %d times", n)
		}
		w.x.ClearFaults("limit")
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Status: 400, Body: `{"title":"Invalid Request","detail":"Your media IDs are invalid.","status":400}`})
		w.wait(10 * time.Minute)
		w.want(id, outbox.Done, "")
		if n := w.chat.count("download"); n != 2 {
			t.Errorf("the file was read %d times, want once more", n)
		}
	})
}

// TestMediaIsBroughtAgain: X keeps a file for a day, and an answer may wait longer.
func TestMediaIsBroughtAgain(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		file := w.put("a.png", pngBytes(), "image/png")
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Status: 429, Header: http.Header{"Retry-After": {"79200"}}})
		id := w.add(outbox.Action{Kind: accounts.KindDM, Order: "x.dm", Lanes: accounts.Lanes(acme, "dm")}, accounts.XDM{
			Account: acme, Recipient: casey, Text: "see", File: &accounts.XFile{Platform: "webchat", ID: file.ID, Name: file.Name, Type: file.Type},
		})
		w.wait(time.Hour)
		w.want(id, outbox.Queued, "rate_limited")
		w.wait(22 * time.Hour)
		w.want(id, outbox.Done, "")
		if n := w.chat.count("download"); n != 2 {
			t.Errorf("the file was read %d times, want once more after most of a day", n)
		}
	})
}

// TestLostAnswerAmongTheSameWords: a message of the same words without a file
// is another one.
func TestLostAnswerAmongTheSameWords(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		file := w.put("a.png", pngBytes(), "image/png")
		w.fail(http.MethodPost, messages, xfake.Fault{Times: 1, Drop: xfake.DropBefore})
		id := w.add(outbox.Action{Kind: accounts.KindDM, Order: "x.dm", Lanes: accounts.Lanes(acme, "dm")}, accounts.XDM{
			Account: acme, Recipient: casey, Text: "see", File: &accounts.XFile{Platform: "webchat", ID: file.ID, Name: file.Name, Type: file.Type},
		})
		if _, err := w.x.NativeDM(acme, casey, "see"); err != nil {
			t.Fatal(err)
		}
		w.wait(10 * time.Minute)
		w.want(id, outbox.Done, "")
		if got := w.got(); !slices.Equal(got, []string{"see", "see [image/png]"}) {
			t.Errorf("the customer got %q", got)
		}
	})
}

func TestPublicReplyWithPicture(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		file := w.put("a.png", pngBytes(), "image/png")
		id := w.post(accounts.XPost{Text: "see", Files: []accounts.XFile{{Platform: "webchat", ID: file.ID, Name: file.Name, Type: file.Type}}})
		w.wait(10 * time.Second)
		w.want(id, outbox.Done, "")
		posts := w.x.Posts(acme)
		if len(posts) != 1 || len(posts[0].MediaIDs) != 1 {
			t.Errorf("posts = %+v, want one with a picture", posts)
		}
	})
}

func TestFilesSwitchedOff(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.conf = func(c *config.Config) { c.Desk.FileUpload = false }
		w.begin()
		if _, err := w.x.SendDMAs(casey, acme, "look", xfake.File{Data: pngBytes()}); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		w.sees("switched off", "look")
		if len(w.files()) != 0 || w.chat.count("stage") != 0 {
			t.Errorf("files = %q", w.files())
		}
	})
}

func TestSniff(t *testing.T) {
	brand := func(b ...string) string {
		return "\x00\x00\x00\x20ftyp" + b[0] + "\x00\x00\x00\x00" + strings.Join(b[1:], "")
	}
	tests := map[string]string{
		"\xff\xd8\xff\xe0 jpeg": "image/jpeg", string(pngBytes()): "image/png", string(gifBytes()): "image/gif",
		"RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp", "BM bitmap": "image/bmp", "II*\x00 tiff": "image/tiff", "MM\x00* tiff": "image/tiff",
		string(mp4Bytes()): "video/mp4", brand("mp42", "isom"): "video/mp4", brand("qt  ", "qt  "): "video/quicktime",
		brand("heic", "mif1", "heic"): "", brand("avif", "mif1"): "", brand("zzzz", "avc1"): "video/mp4", brand("zzzz"): "",
		"\x1a\x45\xdf\xa3 webm": "video/webm", "G" + strings.Repeat("\x00", 187) + "G": "video/mp2t",
		"<svg xmlns='http://www.w3.org/2000/svg'>": "", "<!DOCTYPE html>": "", "<?xml version='1.0'?><svg>": "", "%PDF-1.4": "",
		"PK\x03\x04": "", "plain words": "", "": "", "\x00\x00\x00\x00ftyp": "", "\xff\xff\xff\xffftypmp42": "video/mp4",
	}
	for in, want := range tests {
		if got := sniff([]byte(in)); got != want {
			t.Errorf("sniff(%.20q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSniff(f *testing.F) {
	f.Add(pngBytes())
	f.Add(mp4Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if typ := sniff(b); typ != "" && mediaTypes()[typ] == "" {
			t.Errorf("sniff(%q) = %q, which is not exchanged", b, typ)
		}
	})
}

func TestFileName(t *testing.T) {
	tests := []struct{ name, typ, want string }{
		{"photo", "image/png", "photo.png"},
		{"cat.JPG", "image/jpeg", "cat.jpg"},
		{"../../etc/passwd", "image/png", "_.._etc_passwd.png"},
		{"evil.svg", "image/png", "evil.png"},
		{"a\r\nb", "video/mp4", "a__b.mp4"},
		{"", "image/gif", "file.gif"},
		{"...", "image/gif", "file.gif"},
		{strings.Repeat("é", 200), "image/gif", strings.Repeat("é", 80) + ".gif"},
	}
	for _, tt := range tests {
		if got := fileName(tt.name, tt.typ); got != tt.want {
			t.Errorf("fileName(%q, %q) = %q, want %q", tt.name, tt.typ, got, tt.want)
		}
	}
}

func TestSpool(t *testing.T) {
	if _, err := spool(strings.NewReader("12345"), 4); !errors.Is(err, errTooLong) {
		t.Errorf("spool of too much: %v", err)
	}
	s, err := spool(strings.NewReader(string(pngBytes())), 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if s.typ != "image/png" || s.size != int64(len(pngBytes())) {
		t.Errorf("spool = %+v", s)
	}
	if _, err := spool(brokenReader{}, 10); err == nil || errors.Is(err, errTooLong) {
		t.Errorf("spool of a broken reader: %v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, context.DeadlineExceeded }
