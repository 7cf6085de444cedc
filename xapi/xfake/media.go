package xfake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of https://docs.x.com/x-api/media/quickstart/best-practices.
const (
	mediaLife  = 24 * time.Hour
	imageBytes = 5 << 20
	gifBytes   = 15 << 20
	videoBytes = 512 << 20
	// stepTime is how long the fake stays in each processing state.
	stepTime = time.Second
)

type mediaRec struct {
	ID        string    `json:"id"`
	Owner     string    `json:"owner"`
	Owners    []string  `json:"owners,omitempty"`
	Type      string    `json:"type"`
	Category  string    `json:"category"`
	Name      string    `json:"name,omitempty"`
	Total     int       `json:"total"`
	Next      int       `json:"next_segment"`
	Data      []byte    `json:"data,omitempty"`
	Made      time.Time `json:"made"`
	Finalized time.Time `json:"finalized"`
	Fails     string    `json:"fails,omitempty"`
	Alt       string    `json:"alt,omitempty"`
}

func (m *mediaRec) resource() string {
	if m.Name != "" {
		return m.Name
	}
	ext := map[string]string{"image/png": ".png", "image/gif": ".gif", "video/mp4": ".mp4", "image/webp": ".webp"}[m.Type]
	if ext == "" {
		ext = ".jpg"
	}
	return base36(m.ID, 7) + ext
}

func (m *mediaRec) processed() bool {
	return strings.HasSuffix(m.Category, "_video") || strings.HasSuffix(m.Category, "_gif")
}

func categories() []string {
	return []string{"amplify_video", "tweet_gif", "tweet_image", "tweet_video", "dm_gif", "dm_image", "dm_video", "subtitles"}
}

func mediaTypes() []string {
	return []string{
		"video/mp4", "video/webm", "video/mp2t", "video/quicktime", "text/srt", "text/vtt", "image/jpeg", "image/gif", "image/bmp",
		"image/png", "image/webp", "image/pjpeg", "image/tiff", "model/gltf-binary", "model/vnd.usdz+zip",
	}
}

func maxBytes(category string) int {
	switch {
	case strings.HasSuffix(category, "_video"):
		return videoBytes
	case strings.HasSuffix(category, "_gif"):
		return gifBytes
	default:
		return imageBytes
	}
}

func fits(category, mediaType string) bool {
	switch {
	case strings.HasSuffix(category, "_video"):
		return strings.HasPrefix(mediaType, "video/")
	case strings.HasSuffix(category, "_gif"):
		return mediaType == "image/gif"
	case strings.HasSuffix(category, "_image"):
		return strings.HasPrefix(mediaType, "image/") && mediaType != "image/gif"
	default:
		return strings.HasPrefix(mediaType, "text/")
	}
}

func (s *Server) postMediaInit(c *call) reply {
	var q struct {
		Owners   []string `json:"additional_owners"`
		Category string   `json:"media_category"`
		Type     string   `json:"media_type"`
		Shared   bool     `json:"shared"`
		Total    int      `json:"total_bytes"`
	}
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	switch {
	case !slices.Contains(mediaTypes(), q.Type):
		return invalid("media_type", q.Type, "$.media_type: does not have a value in the enumeration [%s]", strings.Join(mediaTypes(), ", "))
	case !slices.Contains(categories(), q.Category):
		return invalid("media_category", q.Category, "$.media_category: does not have a value in the enumeration [%s]", strings.Join(categories(), ", "))
	case !fits(q.Category, q.Type):
		return invalid("media_category", q.Category, "The media category [%s] does not fit the media type [%s].", q.Category, q.Type)
	case q.Total <= 0 || q.Total > maxBytes(q.Category):
		return invalid("total_bytes", strconv.Itoa(q.Total), "File size exceeds %d bytes.", maxBytes(q.Category))
	}
	now := s.now()
	m := &mediaRec{ID: s.st.nextID(now), Owner: c.user.ID, Owners: q.Owners, Type: q.Type, Category: q.Category, Total: q.Total, Made: now}
	s.st.Media[m.ID] = m
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]any{
		"id": m.ID, "media_key": s.mediaKey(m.ID), "expires_after_secs": int(mediaLife.Seconds()),
	}}}
}

// upload finds the caller's unfinished upload.
func (s *Server) upload(c *call, id string) (*mediaRec, reply, bool) {
	m := s.st.Media[id]
	if m == nil || m.Owner != c.user.ID || s.now().Sub(m.Made) > mediaLife {
		return nil, invalid("id", id, "The media id [%s] is not valid.", id), false
	}
	return m, reply{}, true
}

func (s *Server) postMediaAppend(c *call) reply {
	m, rep, ok := s.upload(c, c.path["id"])
	if !ok {
		return rep
	}
	if !m.Finalized.IsZero() {
		return invalid("id", m.ID, "The media upload [%s] is already finalized.", m.ID)
	}
	f, rep, ok := mediaForm(c, "segment_index", "media")
	if !ok {
		return rep
	}
	n, err := strconv.Atoi(f.value["segment_index"])
	switch {
	case err != nil || n < 0 || n > 999:
		return invalid("segment_index", f.value["segment_index"], "segment_index must be between 0 and 999")
	case n != m.Next:
		return invalid("segment_index", f.value["segment_index"], "Segments do not add up: expected segment %d.", m.Next)
	case len(f.media) == 0:
		return invalid("media", "", "$.media: is missing but it is required")
	case len(f.media) > imageBytes:
		return invalid("media", "", "A segment must have at most %d bytes.", imageBytes)
	case len(m.Data)+len(f.media) > m.Total:
		return invalid("media", "", "The segments exceed total_bytes of %d.", m.Total)
	}
	m.Next++
	m.Data = append(m.Data, f.media...)
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]any{"expires_at": m.Made.Add(mediaLife).Unix()}}}
}

func (s *Server) postMediaFinalize(c *call) reply {
	m, rep, ok := s.upload(c, c.path["id"])
	if !ok {
		return rep
	}
	if len(c.body) > 0 && strings.TrimSpace(string(c.body)) != "{}" {
		return invalid("", "", "The request body must be empty.")
	}
	if len(m.Data) != m.Total {
		return invalid("id", m.ID, "Segments do not add up to provided total file size: %d of %d bytes.", len(m.Data), m.Total)
	}
	if m.Finalized.IsZero() {
		m.Finalized = s.now()
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": s.uploadData(m)}}
}

// uploadData is the body of finalize and STATUS.
func (s *Server) uploadData(m *mediaRec) map[string]any {
	left := int(m.Made.Add(mediaLife).Sub(s.now()).Seconds())
	d := map[string]any{"id": m.ID, "media_key": s.mediaKey(m.ID), "size": len(m.Data), "expires_after_secs": left}
	if state, ok := s.processing(m); ok {
		info := map[string]any{"state": state}
		switch state {
		case "pending":
			info["check_after_secs"] = 1
		case "in_progress":
			info["check_after_secs"], info["progress_percent"] = 1, 50
		case "succeeded":
			info["progress_percent"] = 100
		default:
			info["error"] = map[string]any{"code": 1, "name": "InvalidMedia", "message": m.Fails}
		}
		d["processing_info"] = info
	}
	return d
}

// processing is the state X would show now; images have none.
func (s *Server) processing(m *mediaRec) (string, bool) {
	if !m.processed() || m.Finalized.IsZero() {
		return "", false
	}
	switch age := s.now().Sub(m.Finalized); {
	case age < stepTime:
		return "pending", true
	case age < 2*stepTime:
		return "in_progress", true
	case m.Fails != "":
		return "failed", true
	default:
		return "succeeded", true
	}
}

func (s *Server) getMediaStatus(c *call) reply {
	q := c.r.URL.Query()
	if q.Get("command") != "STATUS" && q.Has("command") {
		return invalid("command", q.Get("command"), "The `command` query parameter value [%s] is not one of [STATUS]", q.Get("command"))
	}
	m, rep, ok := s.upload(c, q.Get("media_id"))
	if !ok {
		return rep
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": s.uploadData(m)}}
}

// postMedia is the one-shot upload, which is for images and subtitles.
func (s *Server) postMedia(c *call) reply {
	f, rep, ok := mediaForm(c, "media", "media_category", "media_type", "additional_owners", "shared")
	if !ok {
		return rep
	}
	cat := f.value["media_category"]
	switch {
	case !slices.Contains([]string{"tweet_image", "dm_image", "subtitles"}, cat):
		return invalid("media_category", cat, "$.media_category: does not have a value in the enumeration [tweet_image, dm_image, subtitles]")
	case len(f.media) == 0:
		return invalid("media", "", "$.media: is missing but it is required")
	case len(f.media) > imageBytes:
		return invalid("media", "", "File size exceeds %d bytes.", imageBytes)
	}
	typ := f.value["media_type"]
	if typ == "" {
		typ, _, _ = strings.Cut(http.DetectContentType(f.media), ";")
	}
	if !fits(cat, typ) && cat != "subtitles" {
		return invalid("media", typ, "media type unrecognized.")
	}
	now := s.now()
	m := &mediaRec{ID: s.st.nextID(now), Owner: c.user.ID, Type: typ, Category: cat, Total: len(f.media), Data: f.media, Made: now, Finalized: now}
	s.st.Media[m.ID] = m
	return reply{status: http.StatusOK, body: map[string]any{"data": s.uploadData(m)}}
}

func (s *Server) postMediaMetadata(c *call) reply {
	var q struct {
		ID       string `json:"id"`
		Metadata struct {
			Alt *struct {
				Text string `json:"text"`
			} `json:"alt_text"`
		} `json:"metadata"`
	}
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	m, rep, ok := s.upload(c, q.ID)
	if !ok {
		return rep
	}
	if q.Metadata.Alt != nil {
		if n := len([]rune(q.Metadata.Alt.Text)); n > 1000 {
			return invalid("metadata.alt_text.text", "", "alt_text must have at most 1000 characters, not %d", n)
		}
		m.Alt = q.Metadata.Alt.Text
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]any{
		"id": m.ID, "associated_metadata": map[string]any{"alt_text": map[string]string{"text": m.Alt}},
	}}}
}

type mediaParts struct {
	value map[string]string
	media []byte
}

// mediaForm reads a multipart form, or JSON with base64 media.
func mediaForm(c *call, allowed ...string) (mediaParts, reply, bool) {
	out := mediaParts{value: map[string]string{}}
	ctype, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return out, invalid("", "", "The Content-Type is not supported."), false
	}
	add := func(name string, b []byte) (reply, bool) {
		if !slices.Contains(allowed, name) {
			return invalid(name, "", "$.%s: is not defined in the schema and the schema does not allow additional properties", name), false
		}
		if name == "media" {
			out.media = b
		} else {
			out.value[name] = string(b)
		}
		return reply{}, true
	}
	switch ctype {
	case "multipart/form-data":
		mr := multipart.NewReader(strings.NewReader(string(c.body)), params["boundary"])
		for {
			p, err := mr.NextPart()
			if err == io.EOF { //nolint:errorlint // mime/multipart returns io.EOF itself
				return out, reply{}, true
			}
			if err != nil {
				return out, invalid("", "", "The multipart body is not valid."), false
			}
			b, err := io.ReadAll(p)
			if err != nil {
				return out, invalid("", "", "The multipart body is not valid."), false
			}
			if rep, ok := add(p.FormName(), b); !ok {
				return out, rep, false
			}
		}
	case "application/json":
		var m map[string]any
		if err := json.Unmarshal(c.body, &m); err != nil {
			return out, invalid("", "", "The request body is not valid: %s", err.Error()), false
		}
		for k, v := range m {
			b := []byte(fmt.Sprint(v))
			if k == "media" {
				if b, err = base64.StdEncoding.DecodeString(string(b)); err != nil {
					return out, invalid("media", "", "$.media: is not valid base64"), false
				}
			}
			if rep, ok := add(k, b); !ok {
				return out, rep, false
			}
		}
		return out, reply{}, true
	default:
		return out, invalid("", "", "The Content-Type [%s] is not supported.", ctype), false
	}
}
