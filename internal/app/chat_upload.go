package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi"
)

// chatUpload shows a file that is on X in a chat. Where the chat takes the
// bytes first and shows them later, the first step is done before the attempt,
// so that an attempt whose outcome nobody knows is completed, not repeated: the
// same file is shown again, which shows it once.
type chatUpload struct {
	outbox.Repeatable
	*xs
	c *chats
}

var (
	_ outbox.Armer      = chatUpload{}
	_ outbox.Reconciler = chatUpload{}
	_ outbox.Patient    = chatUpload{}
)

// staged is what an upload is armed with.
type staged struct {
	FileID string `json:"file_id"`
}

const (
	onceTime   = 15 * time.Second // for one that others wait behind
	mostShares = 8                // attempts to show a file, of which nobody knows the outcome
)

func (u chatUpload) read(a outbox.Action) (p bot.UploadFile, f bot.Filer, err error) {
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		return p, nil, unreadable(err)
	}
	f, err = able[bot.Filer](u.c, string(p.Channel), "take files")
	return p, f, err
}

// Patience implements outbox.Patient.
func (u chatUpload) Patience(a outbox.Action) time.Duration {
	var p bot.UploadFile
	if json.Unmarshal(a.Payload, &p) != nil || p.Once {
		return 0
	}
	return patience(max(p.Size, p.Most))
}

func (u chatUpload) Arm(ctx context.Context, a outbox.Action) (json.RawMessage, error) {
	p, f, err := u.read(a)
	if err != nil {
		return nil, notSent(err)
	}
	var s staged
	if st, ok := f.(bot.Stager); ok && (json.Unmarshal(a.Armed, &s) != nil || s.FileID == "") {
		s.FileID, err = u.stage(ctx, st, p)
		if err != nil {
			return nil, u.once(p, err)
		}
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return raw, nil
}

func (u chatUpload) stage(ctx context.Context, st bot.Stager, p bot.UploadFile) (string, error) {
	if p.Once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, onceTime)
		defer cancel()
	}
	file, up, err := u.fetch(ctx, p)
	if err != nil {
		return "", err
	}
	defer file.close()
	id, err := st.Stage(ctx, up)
	if err != nil {
		return "", harmless(chatError(fmt.Errorf("bring the file to %s: %w", p.Channel, err)))
	}
	return id, nil
}

// harmless is an error of a step that nobody sees: it can be done again.
func harmless(err error) error {
	if e, ok := errors.AsType[*outbox.Error](err); ok && e.Outcome != outbox.Uncertain {
		return err
	}
	return &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
		Code: "chat_unreachable", Message: "The chat did not take the file. Perch tries again by itself.",
	}}
}

// once is the fate of a file that others wait behind: nothing waits any longer
// for it, and whoever asked for it asks again.
func (u chatUpload) once(p bot.UploadFile, err error) error {
	e, ok := errors.AsType[*outbox.Error](err)
	if !ok || !p.Once || e.Outcome == outbox.Rejected && e.Hold == nil {
		return err
	}
	f := e.Failure
	f.Code, f.RetryAt = bot.FailureLater, time.Time{}
	return &outbox.Error{Outcome: outbox.Rejected, Failure: f, Pace: e.Pace, Err: err}
}

// fetch brings the file here, and says how the chat shows it.
func (u chatUpload) fetch(ctx context.Context, p bot.UploadFile) (*spooled, bot.Upload, error) {
	limit := p.Most
	if limit <= 0 {
		limit = xapi.MaxVideo
	}
	var d *xapi.Download
	err := u.as(ctx, p.Account, func(access string) (err error) {
		at, err := u.address(ctx, access, p.URL)
		if err != nil {
			return err
		}
		d, _, err = u.x.OpenMedia(ctx, access, at)
		return err
	})
	if err != nil {
		return nil, bot.Upload{}, u.notFetched(p, err)
	}
	defer func() { _ = d.Body.Close() }()
	if d.Size > limit {
		return nil, bot.Upload{}, tooBig(limit)
	}
	file, err := spool(d.Body, limit)
	switch {
	case errors.Is(err, errTooLong):
		return nil, bot.Upload{}, tooBig(limit)
	case err != nil:
		return nil, bot.Upload{}, &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
			Code: string(xapi.CodeNetwork), Message: "X broke off while it sent the file.",
		}}
	case file.size == 0:
		file.close()
		return nil, bot.Upload{}, rejected("file_empty", "The file is empty.", nil)
	case !taken(file.typ, p.Types):
		file.close()
		return nil, bot.Upload{}, rejected("file_type", notTaken(file.typ), nil)
	}
	up := bot.Upload{
		Channel: p.Channel, Name: fileName(p.Name, file.typ), Type: file.typ, Size: file.size, Alt: p.Alt, Text: p.Text, Author: p.Author, Key: p.Key, Content: file.reader(),
	}
	if up.Thread, err = u.c.resolve(ctx, p.Thread, p.ThreadOf); err != nil {
		file.close()
		return nil, bot.Upload{}, notSent(err)
	}
	return file, up, nil
}

// notFetched says what became of a download that X refused.
func (u chatUpload) notFetched(p bot.UploadFile, err error) error {
	if e, ok := errors.AsType[*xapi.Error](err); ok {
		switch e.Code {
		case xapi.CodeNotFound, xapi.CodeForbidden:
			return rejected("file_gone", "X does not give it out: it may have expired.", err)
		case xapi.CodeBadResponse:
			return rejected("file_elsewhere", "X says that it is at an address that Perch does not open.", err)
		default:
		}
	}
	return harmless(u.fate(p.Account, "media", err))
}

func tooBig(limit int64) error {
	return rejected("file_too_large", "It has more than the "+megabytes(limit)+" that are allowed.", nil)
}

func notTaken(typ string) string {
	if typ == "" {
		return "It is neither a picture nor a video."
	}
	return typ + " is not accepted."
}

func (u chatUpload) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	p, f, err := u.read(a)
	if err != nil {
		return outbox.Receipt{}, notSent(err)
	}
	ref, err := u.show(ctx, a, p, f)
	if err == nil {
		return receipt(bot.PostResult{Ref: ref})
	}
	err = chatError(err)
	e, known := errors.AsType[*outbox.Error](err)
	_, stages := f.(bot.Stager)
	if (!known || e.Outcome == outbox.Uncertain) && (!stages || a.Attempts > mostShares) {
		// Nothing shows if the file is there, and it is better missing than
		// twice. Nothing behind it waits for somebody to find out.
		return outbox.Receipt{}, rejected("file_unknown", "The chat did not say whether it has the file.", err)
	}
	return outbox.Receipt{}, u.once(p, err)
}

func (u chatUpload) show(ctx context.Context, a outbox.Action, p bot.UploadFile, f bot.Filer) (bot.MessageRef, error) {
	st, ok := f.(bot.Stager)
	if !ok {
		file, up, err := u.fetch(ctx, p)
		if err != nil {
			return "", err
		}
		defer file.close()
		ref, err := f.Upload(ctx, up)
		if err != nil {
			return "", fmt.Errorf("upload to %s: %w", p.Channel, err)
		}
		return ref, nil
	}
	var s staged
	if err := json.Unmarshal(a.Armed, &s); err != nil {
		return "", unreadable(err)
	}
	up := bot.Upload{Channel: p.Channel, Name: fileName(p.Name, p.Type), Type: p.Type, Size: p.Size, Alt: p.Alt, Text: p.Text, Author: p.Author}
	var err error
	if up.Thread, err = u.c.resolve(ctx, p.Thread, p.ThreadOf); err != nil {
		return "", notSent(err)
	}
	ref, err := st.Share(ctx, up, s.FileID)
	if err != nil {
		return "", fmt.Errorf("show the file in %s: %w", p.Channel, err)
	}
	return ref, nil
}
