package xapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"time"
)

// Sizes, https://docs.x.com/x-api/media/quickstart/best-practices.
const (
	MaxImage = 5 << 20
	MaxGIF   = 15 << 20
	MaxVideo = 512 << 20

	segmentSize  = 1 << 20 // works for everybody; X takes at most 1000 segments
	segmentTries = 3
	maxAltText   = 1000
)

// The categories of media. A file for a direct message needs one of the dm_
// kind, or X refuses to attach it.
const (
	TweetImage = "tweet_image"
	TweetGIF   = "tweet_gif"
	TweetVideo = "tweet_video"
	DMImage    = "dm_image"
	DMGIF      = "dm_gif"
	DMVideo    = "dm_video"
)

// Media says what is uploaded.
type Media struct {
	Type     string // "image/png"
	Category string // [CategoryOf] if empty
	Size     int64  // in bytes, exactly
	AltText  string // up to 1000 characters
}

// CategoryOf is the category for a type, in a direct message or a post. It is
// empty for a type that X does not take.
func CategoryOf(mediaType string, dm bool) string {
	var kind string
	switch mediaType {
	case "image/gif":
		kind = "gif"
	case "image/jpeg", "image/pjpeg", "image/png", "image/webp", "image/bmp", "image/tiff":
		kind = "image"
	case "video/mp4", "video/quicktime", "video/webm", "video/mp2t":
		kind = "video"
	default:
		return ""
	}
	if dm {
		return "dm_" + kind
	}
	return "tweet_" + kind
}

// UploadMedia uploads a file, waits until X has worked through it, and returns
// the id to attach, which lives for 24 hours and only for this user. Images go
// in one piece, all else in segments, each tried up to three times. Its errors
// are never Uncertain: a file that nothing refers to is seen by nobody.
func (c *Client) UploadMedia(ctx context.Context, access string, r io.Reader, m Media) (string, error) {
	m.Category = orElse(m.Category, CategoryOf(m.Type, false))
	if err := m.check(); err != nil {
		return "", err
	}
	var mediaID string
	var err error
	if m.Category == TweetImage || m.Category == DMImage {
		mediaID, err = c.uploadImage(ctx, access, r, m)
	} else {
		mediaID, err = c.uploadSegments(ctx, access, r, m)
	}
	if err != nil {
		return "", err
	}
	if m.AltText != "" {
		if err := c.SetAltText(ctx, access, mediaID, m.AltText); err != nil {
			return "", err
		}
	}
	return mediaID, nil
}

const opUpload = "upload media"

func badMedia(detail string) *Error {
	return &Error{Op: opUpload, Code: CodeBadMedia, Detail: detail, Message: sentence(CodeBadMedia, Limits{})}
}

func (m Media) check() error {
	limit := int64(0)
	switch m.Category {
	case TweetImage, DMImage:
		limit = MaxImage
	case TweetGIF, DMGIF:
		limit = MaxGIF
	case TweetVideo, DMVideo:
		limit = MaxVideo
	}
	switch {
	case CategoryOf(m.Type, false) == "":
		return badMedia("X takes no files of this type")
	case limit == 0:
		return badMedia("there is no such category of media")
	case m.Size <= 0:
		return badMedia("the file is empty")
	case m.Size > limit:
		return badMedia(fmt.Sprintf("the file is over X's limit of %d MB", limit>>20))
	}
	return nil
}

type uploaded struct {
	Data struct {
		ID         id `json:"id"`
		Processing *struct {
			State      string `json:"state"`
			CheckAfter int    `json:"check_after_secs"`
			Error      *struct {
				Name    string `json:"name"`
				Message string `json:"message"`
			} `json:"error"`
		} `json:"processing_info"`
	} `json:"data"`
	Errors []problem `json:"errors"`
}

// upload makes one call of the upload endpoints, all of which are harmless to repeat.
func (c *Client) upload(ctx context.Context, k *call) (*uploaded, error) {
	out := &uploaded{}
	k.op, k.harmless, k.uploading, k.out, k.optional = opUpload, true, true, out, true
	_, err := c.do(ctx, k)
	return out, err
}

func (c *Client) uploadImage(ctx context.Context, access string, r io.Reader, m Media) (string, error) {
	data, err := readExactly(r, m.Size)
	if err != nil {
		return "", err
	}
	payload, contentType := form(data, [2]string{"media_category", m.Category}, [2]string{"media_type", m.Type})
	k := &call{method: http.MethodPost, path: "/2/media/upload", payload: payload, contentType: contentType, bearer: access}
	out, err := c.upload(ctx, k)
	if err != nil {
		return "", err
	}
	return c.processed(ctx, access, k, out)
}

// readExactly reads a file whose size is known, and makes sure that it was true.
func readExactly(r io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, size+1))
	switch {
	case err != nil:
		return nil, &Error{Op: opUpload, Code: CodeBadMedia, Detail: "the file cannot be read", Message: sentence(CodeBadMedia, Limits{}), cause: err}
	case int64(len(data)) != size:
		return nil, badMedia("the file is not of the size that was said")
	}
	return data, nil
}

// form writes the fields and the file as multipart/form-data.
func form(data []byte, fields ...[2]string) (payload []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		_ = w.WriteField(f[0], f[1]) // a bytes.Buffer takes everything
	}
	part, _ := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="media"; filename="media"`},
		"Content-Type":        {"application/octet-stream"},
	})
	_, _ = part.Write(data)
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func (c *Client) uploadSegments(ctx context.Context, access string, r io.Reader, m Media) (string, error) {
	k := &call{method: http.MethodPost, path: "/2/media/upload/initialize", bearer: access, body: map[string]any{
		"media_type": m.Type, "media_category": m.Category, "total_bytes": m.Size,
	}}
	out, err := c.upload(ctx, k)
	if err != nil {
		return "", err
	}
	mediaID := string(out.Data.ID)
	if !validID(mediaID) {
		return "", c.empty(k, Limits{}, out.Errors)
	}
	path := "/2/media/upload/" + mediaID
	for index, left := 0, m.Size; left > 0; index++ {
		data, err := readExactlyUpTo(r, min(left, segmentSize))
		if err != nil {
			return "", err
		}
		if err := c.appendSegment(ctx, access, path, index, data); err != nil {
			return "", err
		}
		left -= int64(len(data))
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n != 0 {
		return "", badMedia("the file is not of the size that was said")
	}
	k = &call{method: http.MethodPost, path: path + "/finalize", bearer: access}
	if out, err = c.upload(ctx, k); err != nil {
		return "", err
	}
	return c.processed(ctx, access, k, out)
}

func readExactlyUpTo(r io.Reader, n int64) ([]byte, error) {
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, badMedia("the file is not of the size that was said")
		}
		return nil, &Error{Op: opUpload, Code: CodeBadMedia, Detail: "the file cannot be read", Message: sentence(CodeBadMedia, Limits{}), cause: err}
	}
	return data, nil
}

// appendSegment sends one segment. Its number makes a repeat harmless.
func (c *Client) appendSegment(ctx context.Context, access, path string, index int, data []byte) error {
	payload, contentType := form(data, [2]string{"segment_index", strconv.Itoa(index)})
	for try := 1; ; try++ {
		_, err := c.upload(ctx, &call{method: http.MethodPost, path: path + "/append", payload: payload, contentType: contentType, bearer: access})
		var e *Error
		if err == nil || try == segmentTries || !errors.As(err, &e) || !e.Temporary() || e.Code == CodeRateLimited {
			return err
		}
		if werr := wait(ctx, time.Duration(try)*c.cfg.PollMin); werr != nil {
			return err
		}
	}
}

// wait pauses unless the context ends first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// processed waits until X has worked through the file and returns its id.
func (c *Client) processed(ctx context.Context, access string, k *call, out *uploaded) (string, error) {
	mediaID := string(out.Data.ID)
	if !validID(mediaID) {
		return "", c.empty(k, Limits{}, out.Errors)
	}
	end := time.Now().Add(c.cfg.ProcessingLimit)
	for {
		info := out.Data.Processing
		if info == nil {
			return mediaID, nil // nothing to be done means ready
		}
		switch info.State {
		case "succeeded":
			return mediaID, nil
		case "failed":
			detail := "X could not process the file"
			if info.Error != nil {
				detail = clip(redact(orElse(info.Error.Message, orElse(info.Error.Name, detail)), c.secrets(k)), maxDetail)
			}
			return "", badMedia(detail)
		}
		pause := min(max(time.Duration(min(info.CheckAfter, 3600))*time.Second, c.cfg.PollMin), c.cfg.PollMax)
		if time.Now().Add(pause).After(end) {
			return "", &Error{Op: opUpload, Code: CodeProcessing, Detail: "X is not done with the file", Message: sentence(CodeProcessing, Limits{})}
		}
		if err := wait(ctx, pause); err != nil {
			return "", &Error{Op: opUpload, Code: CodeCanceled, Message: sentence(CodeCanceled, Limits{}), cause: err}
		}
		var err error
		out, err = c.mediaStatus(ctx, access, mediaID)
		if err != nil {
			return "", err
		}
	}
}

// mediaStatus looks once more if the service hiccups: the upload is not lost by it.
func (c *Client) mediaStatus(ctx context.Context, access, mediaID string) (*uploaded, error) {
	q := url.Values{"command": {"STATUS"}, "media_id": {mediaID}}
	for try := 1; ; try++ {
		out, err := c.upload(ctx, &call{method: http.MethodGet, path: "/2/media/upload", query: q, bearer: access})
		var e *Error
		if err == nil || try == segmentTries || !errors.As(err, &e) || !e.Temporary() || e.Code == CodeRateLimited {
			return out, err
		}
		if werr := wait(ctx, time.Duration(try)*c.cfg.PollMin); werr != nil {
			return nil, err
		}
	}
}

// SetAltText describes an uploaded image for those who don't see it.
func (c *Client) SetAltText(ctx context.Context, access, mediaID, text string) error {
	const op = "describe media"
	if !validID(mediaID) {
		return invalid(op, "the id of the media is no id")
	}
	if len([]rune(text)) > maxAltText {
		return invalid(op, "an alternative text has at most 1000 characters")
	}
	body := map[string]any{"id": mediaID, "metadata": map[string]any{"alt_text": map[string]string{"text": text}}}
	_, err := c.do(ctx, &call{op: op, method: http.MethodPost, path: "/2/media/metadata", body: body, bearer: access, harmless: true})
	return err
}
