package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi"
)

// xFiles brings files of chats to X, where a post or a direct message then
// refers to them. A file that nothing refers to is seen by nobody, so what goes
// wrong here can always be done again.
type xFiles struct {
	*xs
	platforms map[string]bot.Platform
}

// broughtMedia is what X called a file that was brought there.
type broughtMedia struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// mediaKept is how long a file that X has is used again: X keeps it for a day,
// https://docs.x.com/x-api/media/quickstart/media-upload-chunked
const mediaKept = 20 * time.Hour

// bring returns what X calls the files. Those that an earlier attempt brought
// are still there, unless X refused them since: reused says that some are of
// before.
func (x xFiles) bring(ctx context.Context, a outbox.Action, account string, files []accounts.XFile, before []broughtMedia, dm bool) (media []broughtMedia, reused bool, err error) {
	if a.Failure != nil && a.Failure.Code == string(xapi.CodeBadMedia) {
		before = nil
	}
	for i, f := range files {
		if i < len(before) && before[i].ID != "" && time.Since(before[i].At) < mediaKept {
			media, reused = append(media, before[i]), true
			continue
		}
		id, err := x.one(ctx, account, f, dm)
		if err != nil {
			return nil, false, err
		}
		media = append(media, broughtMedia{ID: id, At: time.Now().UTC()})
	}
	return media, reused, nil
}

func (x xFiles) one(ctx context.Context, account string, f accounts.XFile, dm bool) (string, error) {
	file, m, err := x.fromChat(ctx, f, dm)
	if err != nil {
		return "", err
	}
	defer file.close()
	var id string
	err = x.as(ctx, account, func(access string) (err error) {
		id, err = x.x.UploadMedia(ctx, access, file.reader(), m)
		return err
	})
	if err == nil {
		return id, nil
	}
	if e, ok := errors.AsType[*xapi.Error](err); ok && e.Code == xapi.CodeBadMedia {
		return "", rejected(string(e.Code), named(f)+": X did not take it. Send it in another form.", err)
	}
	err = x.fate(account, "media", err)
	if _, ok := errors.AsType[*outbox.Error](err); !ok {
		err = &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
			Code: string(xapi.CodeNetwork), Message: "X did not take the file. Perch tries again by itself.",
		}}
	}
	return "", err
}

// fromChat brings a file here and says what it is to X.
func (x xFiles) fromChat(ctx context.Context, f accounts.XFile, dm bool) (*spooled, xapi.Media, error) {
	none := xapi.Media{}
	p, ok := x.platforms[f.Platform]
	if !ok {
		return nil, none, rejected("no_chat", fmt.Sprintf("Perch is not connected to the chat %q any more. Send the file again.", f.Platform), nil)
	}
	filer, ok := p.(bot.Filer)
	if !ok {
		return nil, none, unable(p, "hand files over")
	}
	limit := f.Most
	if limit <= 0 {
		limit = xapi.MaxVideo
	}
	r, err := filer.Download(ctx, bot.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, URL: f.URL}, limit)
	if e, ok := errors.AsType[*bot.Error](err); ok && e.Code == "file_too_large" {
		return nil, none, refusedFile(f, "it has more than the "+megabytes(limit)+" that are allowed.")
	}
	if err != nil {
		return nil, none, notRead(err)
	}
	defer func() { _ = r.Close() }()
	file, err := spool(r, limit)
	if errors.Is(err, errTooLong) {
		return nil, none, refusedFile(f, "it has more than the "+megabytes(limit)+" that are allowed.")
	}
	if err != nil {
		return nil, none, notRead(err)
	}
	m := xapi.Media{Type: file.typ, Category: xapi.CategoryOf(file.typ, dm), Size: file.size, AltText: clipped(f.Alt, 1000)}
	if why := unfit(file, m, f); why != "" {
		file.close()
		return nil, none, refusedFile(f, why)
	}
	return file, m, nil
}

// notRead is a file that the chat did not hand over.
func notRead(err error) error {
	err = chatError(fmt.Errorf("download from the chat: %w", err))
	if e, ok := errors.AsType[*outbox.Error](err); ok {
		if e.Outcome == outbox.Rejected && e.Failure.Message == "" {
			e.Failure.Message = "The chat does not hand the file over. Send it again."
		}
		return e
	}
	return &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
		Code: "chat_unreachable", Message: "The chat did not hand the file over. Perch tries again by itself.",
	}}
}

// unfit says why a file can't go, by what it truly is.
func unfit(file *spooled, m xapi.Media, f accounts.XFile) string {
	most := int64(xapi.MaxImage)
	switch m.Category {
	case xapi.DMGIF, xapi.TweetGIF:
		most = xapi.MaxGIF
	case xapi.DMVideo, xapi.TweetVideo:
		most = xapi.MaxVideo
	}
	switch {
	case file.size == 0:
		return "it is empty."
	case m.Category == "":
		return "X takes pictures, GIFs and videos only."
	case !taken(file.typ, f.Types):
		return file.typ + " is not accepted here."
	case file.size > most:
		return "X takes up to " + megabytes(most) + " of this type, and it has " + megabytes(file.size) + "."
	}
	return ""
}

func refusedFile(f accounts.XFile, why string) error {
	return rejected("file_refused", named(f)+": "+why+" Send another one, or discard this.", nil)
}

func named(f accounts.XFile) string {
	if f.Name == "" {
		return "The file"
	}
	return clipped(f.Name, 80)
}

func clipped(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// filePatience is how long the files of an action may be on their way, besides
// the time that X needs to work through them.
func filePatience(files []accounts.XFile) time.Duration {
	if len(files) == 0 {
		return 0
	}
	const processing = 8 * time.Minute
	d := processing
	for _, f := range files {
		d += patience(max(f.Size, min(f.Most, xapi.MaxImage)))
	}
	return d
}
