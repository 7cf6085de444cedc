package desk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// What X takes, https://docs.x.com/x-api/media/quickstart/best-practices.
const (
	maxPicture = 5 << 20
	maxGIF     = 15 << 20
	maxVideo   = 512 << 20

	maxFiles     = 10 // of one message: X takes 15 direct messages in 15 minutes
	maxPostFiles = 4  // pictures of one post
)

// mediaLane is what X's word on uploads holds.
func mediaLane(account string) string { return accounts.Lane(account) + ":media" }

// fileOrder is the queue of files that could not be shown at once, so that
// nothing else waits for them.
func fileOrder(c Conversation) string { return order(c) + ":files" }

// unshown says why a file of a customer, the nth of its message, is not to be
// shown, or nothing.
func (s Settings) unshown(f File, n int) string {
	switch why := s.accepts(f); {
	case why != "":
		return why
	case f.URL == "":
		return "X does not say where it is"
	case n >= maxFiles:
		return fmt.Sprintf("there are more than %d", maxFiles)
	}
	return ""
}

// showFiles has the thread show the files of a message that came from X, right
// after it. What can't be shown is said there.
func (d *Desk) showFiles(tx store.Tx, c Conversation, m Message, s Settings) error {
	if m.Encrypted {
		return nil
	}
	for i, f := range m.Files {
		if s.unshown(f, i) != "" {
			continue
		}
		if err := d.showFile(tx, c, m, i, s, true); err != nil {
			return err
		}
	}
	return nil
}

// showFile adds the upload of a file: once, in the conversation's order, or
// beside it, for as many tries as it takes.
func (d *Desk) showFile(tx store.Tx, c Conversation, m Message, n int, s Settings, once bool) error {
	f := m.Files[n]
	p := bot.UploadFile{
		Channel: c.Channel, Thread: c.CardRef, Account: c.Account,
		URL: f.URL, Name: f.Name, Type: f.Type, Size: f.Size, Alt: f.Alt, Most: s.MaxUpload, Types: s.MediaTypes, Once: once,
		Key: fileKey(m, n, true),
	}
	if m.Origin == Customer {
		who, err := d.Contact(tx, c)
		if err != nil {
			return err
		}
		p.Author = author(who)
	}
	if p.Thread == "" {
		p.ThreadOf = cardKey(c)
	}
	a := outbox.Action{
		Kind: bot.KindUpload, Key: fileKey(m, n, once), Order: order(c), After: after(c), Lanes: lanes(c),
		Subject: "file:" + m.ID + ":" + strconv.Itoa(n), Payload: encode(p),
	}
	if !once {
		a.Order, a.Lanes = fileOrder(c), append(lanes(c), accounts.Lane(c.Account), mediaLane(c.Account))
	}
	if _, _, err := d.ob.Add(tx, a); err != nil {
		return fmt.Errorf("add upload: %w", err)
	}
	return nil
}

func fileKey(m Message, n int, once bool) string {
	key := "desk:file:" + m.ID + ":" + strconv.Itoa(n)
	if m.Room > 0 {
		key += ":room" + strconv.Itoa(m.Room)
	}
	if !once {
		key += ":again"
	}
	return key
}

// uploadChanged follows a file on its way into the thread: one that could not
// be shown at once is tried beside the conversation, and one that can't be
// shown at all is on X.
func (d *Desk) uploadChanged(tx store.Tx, a outbox.Action) error {
	rest, ok := strings.CutPrefix(a.Subject, "file:")
	if !ok || a.State != outbox.Failed && (a.State != outbox.Unknown || !a.Stuck) {
		return nil
	}
	messageID, number, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil //nolint:nilerr // not an upload of the desk
	}
	m, ok, err := messages().Find(tx, store.Key(messageID))
	if err != nil || !ok || n < 0 || n >= len(m.Files) {
		return err // deleted by its author meanwhile
	}
	c, err := d.Get(tx, m.Conversation)
	if err != nil {
		return err
	}
	if live(c) && m.Origin == Customer && roomShut(a) {
		return d.regainRoom(tx, c, a)
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if a.Failure != nil && a.Failure.Code == bot.FailureLater && a.Key == fileKey(m, n, true) {
		return d.showFile(tx, c, m, n, s, false)
	}
	who, err := d.Contact(tx, c)
	if err != nil {
		return err
	}
	text := "📎 " + fileName(m.Files[n]) + " is not shown here. " + reason(a)
	return d.say(tx, c, a.Key+lost, bot.Message{
		Text:   text,
		Blocks: []bot.Block{bot.Context(bot.Plain(text)), bot.Actions(openButton(c, who, m))},
	})
}

// unshowFiles takes the files of a message that its author deleted out of the
// thread.
func (d *Desk) unshowFiles(tx store.Tx, m Message) error {
	for m.Room = range m.Room + 1 { // some may be in an older room
		for n := range m.Files {
			for _, once := range []bool{true, false} {
				if err := d.unshowFile(tx, fileKey(m, n, once)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *Desk) unshowFile(tx store.Tx, key string) error {
	a, ok, err := d.ob.FindKey(tx, key)
	if err != nil || !ok {
		return err
	}
	switch a.State {
	case outbox.Queued:
		_, err = d.ob.Cancel(tx, a.ID, "x")
	case outbox.Done, outbox.Attempting, outbox.Unknown:
		_, _, err = d.ob.Add(tx, outbox.Action{
			Kind: bot.KindDelete, Key: key + ":gone", Order: a.Order, Payload: encode(bot.Delete{RefOf: key}),
		})
	default:
	}
	if err != nil {
		return fmt.Errorf("take a file out of the thread: %w", err)
	}
	return nil
}

// unsendableFiles says why files can't go to X, and what to do, or nothing. It
// goes by what the chat says of them; what they truly are is looked at before
// they are sent.
func (s Settings) unsendableFiles(k Kind, files []File) string {
	if len(files) == 0 {
		return ""
	}
	if !s.FileUpload {
		return "Files are switched off. Write the text alone."
	}
	if n := len(files); n > maxFiles {
		return fmt.Sprintf("It has %d files; up to %d go at once. Send them in parts.", n, maxFiles)
	}
	pictures := 0
	for _, f := range files {
		if why := s.unsendableFile(f); why != "" {
			return why
		}
		if strings.HasPrefix(f.Type, "image/") && f.Type != "image/gif" {
			pictures++
		}
	}
	if k == Mention && len(files) > 1 && (pictures < len(files) || pictures > maxPostFiles) {
		return fmt.Sprintf("A post takes up to %d pictures, or one GIF, or one video. Write it again with fewer files.", maxPostFiles)
	}
	return ""
}

func (s Settings) unsendableFile(f File) string {
	name, most, what := f.Name, int64(maxVideo), "a video"
	if name == "" {
		name = "The file"
	}
	switch f.Type {
	case "image/jpeg", "image/pjpeg", "image/png", "image/webp", "image/bmp", "image/tiff":
		most, what = maxPicture, "a picture"
	case "image/gif":
		most, what = maxGIF, "a GIF"
	case "video/mp4", "video/quicktime", "video/webm", "video/mp2t", "", "application/octet-stream":
	case "image/heic", "image/heif", "image/avif":
		return name + " is of a type that X does not take. Send it as JPEG or PNG."
	default:
		return name + " can't go to X, which takes pictures, GIFs and videos only. Send a link to it instead."
	}
	typed := f
	typed.Size = 0
	switch {
	case f.Type != "" && f.Type != "application/octet-stream" && s.accepts(typed) != "":
		return name + ": " + f.Type + " is not accepted here. Send it in another form, or ask an admin to accept it."
	case f.Size > most:
		return fmt.Sprintf("%s has %s; X takes %s of up to %s. Make it smaller and send it again.", name, size(f.Size), what, size(most))
	case f.Size > s.MaxUpload:
		return fmt.Sprintf("%s has %s; up to %s are allowed here. Make it smaller, or ask an admin to allow more.", name, size(f.Size), size(s.MaxUpload))
	}
	return ""
}

// xFile is a file of an agent as the action that sends it has it.
func xFile(f File, s Settings) accounts.XFile {
	return accounts.XFile{
		Platform: f.Platform, ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, URL: f.URL, Alt: f.Alt, Most: s.MaxUpload, Types: s.MediaTypes,
	}
}

func xFiles(files []File, s Settings) (out []accounts.XFile) {
	for _, f := range files {
		out = append(out, xFile(f, s))
	}
	return out
}

// sendMore queues a message for each further file of m, for X takes one file a
// direct message. The caller stores m.
func (d *Desk) sendMore(tx store.Tx, c Conversation, m *Message, s Settings) error {
	if len(m.Files) < 2 || len(m.More) > 0 || m.Part != "" {
		return nil
	}
	for _, f := range m.Files[1:] {
		one := Message{
			ID: id.New(), Conversation: m.Conversation, Account: m.Account, Kind: m.Kind, Direction: Out, Origin: m.Origin,
			Files: []File{f}, At: m.At, Author: m.Author, AuthorName: m.AuthorName, AuthorHandle: m.AuthorHandle, Part: m.ID,
		}
		if err := d.addDM(tx, c, &one, s); err != nil {
			return err
		}
		if err := messages().Put(tx, one); err != nil {
			return err
		}
		m.More = append(m.More, one.ID)
	}
	return nil
}

// withdrawMore takes back what was not sent yet of the further files of m. What
// is on its way shows by itself that it arrived.
func (d *Desk) withdrawMore(tx store.Tx, ev bot.Event, m Message) error {
	for _, key := range m.More {
		one, ok, err := messages().Find(tx, store.Key(key))
		if err != nil {
			return err
		}
		if !ok || one.Delivery != Sending && one.Delivery != Failed {
			continue
		}
		_, err = d.ob.Cancel(tx, one.Action, string(ev.User.Ref))
		if err != nil && !errors.Is(err, outbox.ErrTooLate) && !errors.Is(err, outbox.ErrState) {
			return fmt.Errorf("withdraw a file: %w", err)
		}
	}
	return nil
}

// toldOfWhole reports whether a part of a message failed for the reason for
// which the whole did: that was said, and is decided for both at once.
func (d *Desk) toldOfWhole(tx store.Tx, m Message) (bool, error) {
	if m.Part == "" {
		return false, nil
	}
	whole, ok, err := messages().Find(tx, store.Key(m.Part))
	return ok && whole.Delivery == Failed && whole.Reason == m.Reason, err
}

// eachQuiet does something about each part of m that failed with it.
func (d *Desk) eachQuiet(tx store.Tx, m Message, do func(one Message) error) error {
	for _, key := range m.More {
		one, ok, err := messages().Find(tx, store.Key(key))
		if err != nil {
			return err
		}
		if !ok || one.Delivery != Failed || one.Notice != "" {
			continue
		}
		if err := do(one); err != nil && !errors.Is(err, outbox.ErrTooLate) && !errors.Is(err, outbox.ErrState) {
			return err
		}
	}
	return nil
}

// sendAfter queues a part anew, behind the message that it belongs to.
func (d *Desk) sendAfter(tx store.Tx, ev bot.Event, c Conversation, one Message, s Settings) error {
	if _, err := d.ob.Cancel(tx, one.Action, string(ev.User.Ref)); err != nil {
		return err
	}
	one, _, err := d.message(tx, one.ID) // as the withdrawal left it
	if err != nil {
		return err
	}
	if err := d.addDM(tx, c, &one, s); err != nil {
		return err
	}
	return messages().Put(tx, one)
}

// markParts marks what an agent wrote by what became of all its parts: trouble
// with one is trouble, and it is delivered when all are. m is one of the parts,
// as it now is; its caller stores it.
func (d *Desk) markParts(tx store.Tx, c Conversation, m *Message) error {
	whole := m
	if m.Part != "" {
		w, ok, err := messages().Find(tx, store.Key(m.Part))
		if err != nil || !ok {
			return err
		}
		whole = &w
	}
	became := []Delivery{whole.Delivery}
	for _, key := range whole.More {
		one := m
		if key != m.ID {
			found, ok, err := messages().Find(tx, store.Key(key))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			one = &found
		}
		became = append(became, one.Delivery)
	}
	if err := d.markOne(tx, c, whole, markOf(became)); err != nil {
		return err
	}
	if whole == m {
		return nil
	}
	return messages().Put(tx, *whole)
}

func markOf(became []Delivery) string {
	switch {
	case slices.Contains(became, Failed), slices.Contains(became, Stuck):
		return markTrouble
	case slices.Contains(became, Sending):
		return markSending
	case slices.Contains(became, Sent):
		return markSent
	}
	return ""
}

// said is enough of a message to recognise it.
func (m Message) said() string {
	if strings.TrimSpace(m.Text) == "" && len(m.Files) > 0 {
		return "📎 " + short(fileNames(m.Files))
	}
	return short(m.Text)
}

// quotation is what somebody said, at the end of a sentence.
func quotation(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "…") {
		return "“" + s + "”"
	}
	return "“" + s + "”."
}

func fileNames(files []File) string {
	names := make([]string, 0, len(files))
	for _, f := range files {
		if f.Name == "" {
			names = append(names, "a file")
			continue
		}
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
