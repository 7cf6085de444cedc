package desk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func withFiles(w *world) (sam bot.User) {
	w.set("file_upload", "on")
	w.set("media_types", "image/*, video/mp4")
	sam, _, _ = talk(w)
	return sam
}

func picture(name string) bot.File {
	return bot.File{ID: "F" + name, Name: name, Type: "image/png", Size: 1000, URL: "https://chat.example/" + name}
}

// sent is what went to X, "text [file]".
func (w *world) sent() (list []string) {
	w.x.mu.Lock()
	defer w.x.mu.Unlock()
	for _, m := range w.x.dms {
		s := m.Text
		if m.File != nil {
			s += " [" + m.File.Platform + " " + m.File.ID + "]"
		}
		list = append(list, s)
	}
	return list
}

func TestOneFileAMessage(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam := withFiles(w)
		w.set("agents_display_name", NameName)
		ref := w.write(sam, "look at these", picture("a.png"), picture("b.png"), picture("c.png"))
		equal(t, "sent", w.sent(), []string{"look at these\n^Sam [webchat Fa.png]", " [webchat Fb.png]", " [webchat Fc.png]"})
		equal(t, "mark", w.reactions(ref), []string{markSent})
		w.write(sam, "", picture("d.png"))
		equal(t, "sent", w.sent()[3:], []string{"^Sam [webchat Fd.png]"})
	})
}

// TestTroubleWithOneFile: the mark is of all of them, and Retry of the one.
func TestTroubleWithOneFile(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam := withFiles(w)
		w.x.mu.Lock()
		w.x.next = []func(int) error{nil, rejected("X does not take it.")}
		w.x.mu.Unlock()
		ref := w.write(sam, "look", picture("a.png"), picture("b.png"), picture("c.png"))
		equal(t, "sent", w.sent(), []string{"look [webchat Fa.png]", " [webchat Fc.png]"})
		equal(t, "mark", w.reactions(ref), []string{markTrouble})
		contains(t, "notice", w.last().msg.Text, "⚠ Not sent: “📎 b.png”. X does not take it.")
		w.press(sam, "desk.retry", buttons(w.last().msg)["desk.retry"].Value)
		equal(t, "sent", w.sent(), []string{"look [webchat Fa.png]", " [webchat Fc.png]", " [webchat Fb.png]"})
		equal(t, "mark", w.reactions(ref), []string{markSent})
	})
}

// TestTroubleWithAllFiles: what fails for one reason is said once, and Retry
// and Discard are for all of it.
func TestTroubleWithAllFiles(t *testing.T) {
	for _, way := range []string{"retry", "changed", "discard"} {
		scene(t, func(t *testing.T, w *world) {
			sam := withFiles(w)
			no := rejected("They take no messages.")
			w.x.mu.Lock()
			w.x.next = []func(int) error{no, no, no}
			w.x.mu.Unlock()
			ref := w.write(sam, "look", picture("a.png"), picture("b.png"), picture("c.png"))
			if n := strings.Count(strings.Join(w.thread(), "\n"), "⚠ Not sent"); n != 1 {
				t.Errorf("%s: it is said %d times: %q", way, n, w.thread())
			}
			equal(t, "mark", w.reactions(ref), []string{markTrouble})
			want, button := []string{"look [webchat Fa.png]", " [webchat Fb.png]", " [webchat Fc.png]"}, "desk.retry"
			switch way {
			case "changed":
				w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Thread: w.conv().CardRef, Text: "see"})
				want[0] = "see [webchat Fa.png]"
			case "discard":
				want, button = nil, "desk.discard"
			}
			w.press(sam, button, w.message(ref).ID)
			w.settle()
			equal(t, way+": sent", w.sent(), want)
			if way != "discard" {
				equal(t, way+": mark", w.reactions(ref), []string{markSent})
			} else if got := w.reactions(ref); len(got) > 0 {
				t.Errorf("marks of what was discarded: %q", got)
			}
		})
	}
}

// TestEditKeepsFiles: the words change, the files stay; a note takes all back.
func TestEditKeepsFiles(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam := withFiles(w)
		hold := outbox.Hold{Lane: "x:" + acme, Code: "no_credits", Message: "No credits.", Since: time.Now()}
		w.update(func(tx store.Tx) error { return w.ob.Hold(tx, hold) })
		ref := w.write(sam, "frist", picture("a.png"), picture("b.png"))
		gone := w.write(sam, "never", picture("c.png"), picture("d.png"))
		edit := func(ref bot.MessageRef, text string) {
			w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Thread: w.conv().CardRef, Text: text})
		}
		edit(ref, "first")
		edit(gone, "// never")
		also := w.write(sam, "deleted", picture("e.png"), picture("f.png"))
		w.event(bot.Event{Kind: bot.EventMessageDeleted, User: sam, Message: also, Thread: w.conv().CardRef})
		w.write(sam, "undone", picture("g.png"), picture("h.png"))
		w.press(sam, "desk.discard", buttons(w.last().msg)["desk.discard"].Value)
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, hold.Lane) })
		w.settle()
		equal(t, "sent", w.sent(), []string{"first [webchat Fa.png]", " [webchat Fb.png]"})
		equal(t, "mark", w.reactions(gone), []string{markNote})
	})
}

func TestFilesRefused(t *testing.T) {
	many := slices.Repeat([]File{{Name: "a.png", Type: "image/png"}}, 11)
	s := Settings{FileUpload: true, MaxUpload: 20 << 20, MediaTypes: []string{"image/*", "video/mp4"}}
	tests := []struct {
		kind  Kind
		files []File
		want  string
	}{
		{DM, []File{{Name: "a.png", Type: "image/png", Size: 5 << 20}}, ""},
		{DM, []File{{Name: "a.png", Type: "image/png", Size: 5<<20 + 1}}, "a.png has 6 MB; X takes a picture of up to 5 MB"},
		{DM, []File{{Name: "a.gif", Type: "image/gif", Size: 15 << 20}}, ""},
		{DM, []File{{Name: "a.gif", Type: "image/gif", Size: 16 << 20}}, "X takes a GIF of up to 15 MB"},
		{DM, []File{{Name: "a.mp4", Type: "video/mp4", Size: 21 << 20}}, "up to 20 MB are allowed here"},
		{DM, []File{{Name: "a.mov", Type: "video/quicktime", Size: 1}}, "video/quicktime is not accepted here"},
		{DM, []File{{Name: "a.pdf", Type: "application/pdf", Size: 1}}, "Send a link to it instead"},
		{DM, []File{{Name: "a.svg", Type: "image/svg+xml", Size: 1}}, "Send a link to it instead"},
		{DM, []File{{Name: "a.heic", Type: "image/heic", Size: 1}}, "Send it as JPEG or PNG"},
		{DM, []File{{Name: "a", Type: "", Size: 1}}, ""}, // what it is shows when it is read
		{DM, many, "It has 11 files; up to 10 go at once"},
		{DM, many[:10], ""},
		{Mention, many[:4], ""},
		{Mention, many[:5], "A post takes up to 4 pictures, or one GIF, or one video"},
		{Mention, []File{{Name: "a.mp4", Type: "video/mp4"}}, ""},
		{Mention, []File{{Name: "a.mp4", Type: "video/mp4"}, {Name: "a.png", Type: "image/png"}}, "A post takes up to 4 pictures"},
	}
	for _, tt := range tests {
		got := s.unsendableFiles(tt.kind, tt.files)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %+v: %q, want %q", tt.kind, tt.files[0], got, tt.want)
		}
	}
}

// TestDeletedFiles: what its author deletes on X goes here too.
func TestDeletedFiles(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		withFiles(w)
		w.in("200", "look", func(in *Inbound) {
			in.Files = []File{{Name: "a.png", Type: "image/png", URL: "https://x.example/a.png"}}
		})
		contains(t, "thread", strings.Join(w.thread(), "\n"), "file https://x.example/a.png")
		w.update(func(tx store.Tx) error { return w.d.Deleted(tx, acme, DM, "200") })
		w.settle()
		if th := strings.Join(w.thread(), "\n"); strings.Contains(th, "a.png") {
			t.Errorf("thread still has %q", th)
		}
	})
}

func TestFileOnXOnly(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		withFiles(w)
		w.in("200", "look", func(in *Inbound) { in.Files = []File{{Name: "photo", Type: "image/jpeg"}} })
		contains(t, "message", all(w.last().msg), "photo (image/jpeg) is not shown: X does not say where it is. It is on X.", "Open on X")
	})
}

// TestAnsweredOnXWithAPicture: a picture sent on x.com shows, and the echo of
// one of ours does not.
func TestAnsweredOnXWithAPicture(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam := withFiles(w)
		own := func(xid, text string) {
			w.update(func(tx store.Tx) error {
				return w.d.ReceiveOwn(tx, Own{
					Account: acme, XID: xid, To: ana(), Text: text, At: time.Now(),
					Files: []File{{Name: "photo", Type: "image/png", URL: "https://x.example/" + xid}},
				})
			})
			w.settle()
		}
		own("300", "by hand")
		contains(t, "thread", strings.Join(w.thread(), "\n"), "by hand", "file https://x.example/300")
		w.x.mu.Lock()
		w.x.gate = make(chan struct{})
		w.x.mu.Unlock()
		w.write(sam, "", picture("a.png"))
		own(fmt.Sprint(9000+w.x.n), "") // it comes before the answer of the call
		close(w.x.gate)
		w.settle()
		if th := strings.Join(w.thread(), "\n"); strings.Count(th, "x.example") != 1 {
			t.Errorf("thread = %q: the echo is shown", th)
		}
	})
}

// TestSameWordsWithAPicture: what was sent on x.com with a picture is not the
// echo of the same words without one.
func TestSameWordsWithAPicture(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam := withFiles(w)
		w.x.mu.Lock()
		w.x.gate = make(chan struct{})
		w.x.mu.Unlock()
		w.write(sam, "here")
		w.update(func(tx store.Tx) error {
			return w.d.ReceiveOwn(tx, Own{
				Account: acme, XID: "300", To: ana(), Text: "here", At: time.Now(),
				Files: []File{{Name: "photo", Type: "image/png", URL: "https://x.example/300"}},
			})
		})
		close(w.x.gate)
		w.settle()
		contains(t, "thread", strings.Join(w.thread(), "\n"), "Answered on x.com", "file https://x.example/300")
	})
}

func TestPublicAnswerWithPictures(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.set("file_upload", "on")
		sam, _, _ := agents()
		w.duty(sam)
		w.in("100", "@acme help", func(in *Inbound) { in.Kind = Mention })
		w.press(sam, "desk.claim", w.conv().ID)
		ref := w.write(sam, "", picture("a.png"), picture("b.png"))
		w.press(sam, "desk.send", w.message(ref).ID)
		contains(t, "preview", all(w.last().msg), "With it: a.png, b.png")
		w.press(sam, "desk.post", w.message(ref).ID)
		if len(w.x.posts) != 1 || len(w.x.posts[0].Files) != 2 {
			t.Errorf("posts = %+v, want one with two pictures", w.x.posts)
		}
	})
}
