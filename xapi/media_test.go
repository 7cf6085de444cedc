package xapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// uploadServer is the four endpoints, as far as a client can see.
type uploadServer struct {
	t        *testing.T
	calls    []string
	file     strings.Builder
	segments map[string]bool
	fail     map[string]int // status of the next answer to a step
	states   []string       // what finalize and the looks after it say
}

func (u *uploadServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/2/media/upload"), "/5")
	step = orElse(strings.TrimPrefix(step, "/"), strings.ToLower(r.Method))
	u.calls = append(u.calls, step)
	if status := u.fail[step]; status != 0 {
		delete(u.fail, step)
		answering(status, `{}`)(w, r)
		return
	}
	switch step {
	case "initialize":
		body, _ := io.ReadAll(r.Body)
		if want := `{"media_category":"tweet_video","media_type":"video/mp4","total_bytes":1572864}`; string(body) != want {
			u.t.Errorf("initialize got %s, want %s", body, want)
		}
		answering(200, `{"data":{"id":"5","media_key":"7_5","expires_after_secs":86400}}`)(w, r)
	case "append":
		f, _, err := r.FormFile("media")
		if err != nil {
			u.t.Errorf("append: %v", err)
			return
		}
		if index := r.FormValue("segment_index"); !u.segments[index] {
			u.segments[index] = true
			_, _ = io.Copy(&u.file, f)
		}
		answering(200, `{"data":{"expires_at":1}}`)(w, r)
	case "finalize", "get":
		if step == "get" && (r.URL.Query().Get("command") != "STATUS" || r.URL.Query().Get("media_id") != "5") {
			u.t.Errorf("asked for the status with %s", r.URL.RawQuery)
		}
		state := "null"
		if len(u.states) > 0 {
			state, u.states = u.states[0], u.states[1:]
		}
		answering(200, `{"data":{"id":"5","media_key":"7_5","size":1,"processing_info":`+state+`}}`)(w, r)
	case "post":
		if r.FormValue("media_category") != "dm_image" || r.FormValue("media_type") != "image/png" {
			u.t.Errorf("the image came as %v", r.Form)
		}
		f, _, err := r.FormFile("media")
		if err != nil {
			u.t.Errorf("image: %v", err)
			return
		}
		_, _ = io.Copy(&u.file, f)
		answering(200, `{"data":{"id":"5","media_key":"3_5"}}`)(w, r)
	default:
		answering(404, `{}`)(w, r)
	}
}

func newUpload(t *testing.T) (*uploadServer, *Client) {
	u := &uploadServer{t: t, segments: map[string]bool{}, fail: map[string]int{}}
	return u, newClient(t, u.ServeHTTP)
}

func TestUploadVideo(t *testing.T) {
	const size = 3 << 19 // one segment and a half
	video := strings.Repeat("0123456789abcdef", size/16)
	tests := []struct {
		name   string
		fail   map[string]int
		states []string
		calls  string
		code   Code
	}{
		{"ready at once", nil, nil, "initialize append append finalize", ""},
		{"after some work", nil, []string{`{"state":"pending","check_after_secs":1}`, `{"state":"in_progress","check_after_secs":1,"progress_percent":50}`, `{"state":"succeeded"}`}, "initialize append append finalize get get", ""},
		{"an unknown state is waited for", nil, []string{`{"state":"queued"}`, `{"state":"succeeded"}`}, "initialize append append finalize get", ""},
		{"failed", nil, []string{`{"state":"pending"}`, `{"state":"failed","error":{"name":"InvalidMedia","message":"Unsupported codec"}}`}, "initialize append append finalize get", CodeBadMedia},
		{"a segment fails once", map[string]int{"append": 503}, nil, "initialize append append append finalize", ""},
		{"a segment finds nobody", map[string]int{"append": 404}, nil, "initialize append append append finalize", ""},
		{"a segment is refused", map[string]int{"append": 400}, nil, "initialize append", CodeInvalidRequest},
		{"a look fails once", map[string]int{"get": 500}, []string{`{"state":"pending"}`, `{"state":"succeeded"}`}, "initialize append append finalize get get", ""},
		{"the service is away", map[string]int{"initialize": 404}, nil, "initialize", CodeUploadUnavailable},
		{"limits are not fought", map[string]int{"append": 429}, nil, "initialize append", CodeRateLimited},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, c := newUpload(t)
			u.states = tt.states
			maps.Copy(u.fail, tt.fail)
			id, err := c.UploadMedia(t.Context(), canary, strings.NewReader(video), Media{Type: "video/mp4", Size: size})
			if diff := cmp.Diff(tt.calls, strings.Join(u.calls, " ")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if tt.code != "" {
				e := asError(t, err)
				if want := tt.code == CodeUploadUnavailable || tt.code == CodeRateLimited; e.Code != tt.code || e.Uncertain || e.Temporary() != want {
					t.Errorf("got %v, want %q, temporary %v", e, tt.code, want)
				}
				return
			}
			if err != nil || id != "5" || u.file.String() != video {
				t.Errorf("got %q, %v; the file arrived as it was: %v", id, err, u.file.String() == video)
			}
		})
	}
}

func TestUploadFailedSaysWhy(t *testing.T) {
	u, c := newUpload(t)
	u.states = []string{`{"state":"failed","error":{"message":"Unsupported codec"}}`}
	_, err := c.UploadMedia(t.Context(), canary, strings.NewReader(strings.Repeat("x", 3<<19)), Media{Type: "video/mp4", Size: 3 << 19})
	if e := asError(t, err); e.Detail != "Unsupported codec" {
		t.Errorf("got detail %q", e.Detail)
	}
}

func TestUploadImage(t *testing.T) {
	u, c := newUpload(t)
	id, err := c.UploadMedia(t.Context(), canary, strings.NewReader("png"), Media{Type: "image/png", Category: DMImage, Size: 3})
	if err != nil || id != "5" || u.file.String() != "png" || strings.Join(u.calls, " ") != "post" {
		t.Errorf("got %q, %v after %v", id, err, u.calls)
	}
}

func TestAltText(t *testing.T) {
	var got []request
	c := newClient(t, seeing(&got, always(200, `{"data":{"id":"5"}}`)))
	if _, err := c.UploadMedia(t.Context(), canary, strings.NewReader("png"), Media{Type: "image/png", Size: 3, AltText: "a dog"}); err != nil {
		t.Fatal(err)
	}
	want := request{"POST", "/2/media/metadata", map[string]string{}, `{"id":"5","metadata":{"alt_text":{"text":"a dog"}}}`}
	if len(got) != 2 {
		t.Fatalf("%d calls, want the upload and its text", len(got))
	}
	if diff := cmp.Diff(want, got[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUploadOfAnotherSize(t *testing.T) {
	for _, n := range []int{3<<19 - 1, 3<<19 + 1} {
		u, c := newUpload(t)
		_, err := c.UploadMedia(t.Context(), canary, strings.NewReader(strings.Repeat("x", n)), Media{Type: "video/mp4", Size: 3 << 19})
		if e := asError(t, err); e.Code != CodeBadMedia {
			t.Errorf("%d bytes: got %v", n, e)
		}
		for _, step := range u.calls {
			if step == "finalize" {
				t.Errorf("%d bytes: the upload was finished", n)
			}
		}
	}
	_, c := newUpload(t)
	broken := io.MultiReader(strings.NewReader("x"), &failing{})
	_, err := c.UploadMedia(t.Context(), canary, broken, Media{Type: "video/mp4", Category: TweetVideo, Size: 3 << 19})
	if !errors.Is(err, errBroken) {
		t.Errorf("a reader that fails: got %v", err)
	}
}

var errBroken = errors.New("broken disk")

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errBroken }

// TestWaitForProcessing runs in the test's own time, on a transport without a network.
func TestWaitForProcessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		c := New(Config{APIBase: "http://x.invalid", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body := `{"data":{"id":"5","processing_info":{"state":"in_progress","check_after_secs":5}}}`
			switch {
			case strings.HasSuffix(r.URL.Path, "/initialize"), strings.HasSuffix(r.URL.Path, "/append"):
				body = `{"data":{"id":"5"}}`
			case r.Method == http.MethodGet:
				looks++
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})}})
		start := time.Now()
		_, err := c.UploadMedia(t.Context(), canary, strings.NewReader("gif"), Media{Type: "image/gif", Size: 3})
		e := asError(t, err)
		if took := time.Since(start); e.Code != CodeProcessing || !e.Temporary() || took > 7*time.Minute || took < 6*time.Minute {
			t.Errorf("got %v after %v, want it to give up within 7 minutes", e, took)
		}
		if looks < 80 || looks > 84 {
			t.Errorf("looked %d times in 7 minutes, want one each 5 s, as X says", looks)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		start = time.Now()
		_, err = c.UploadMedia(ctx, canary, strings.NewReader("gif"), Media{Type: "image/gif", Size: 3})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 12*time.Second {
			t.Errorf("got %v after %v, want it to end with its context", err, time.Since(start))
		}
	})
}

func TestCategoryOf(t *testing.T) {
	for _, tt := range []struct {
		mediaType, post, dm string
	}{
		{"image/png", TweetImage, DMImage},
		{"image/gif", TweetGIF, DMGIF},
		{"video/mp4", TweetVideo, DMVideo},
		{"application/pdf", "", ""},
	} {
		if p, d := CategoryOf(tt.mediaType, false), CategoryOf(tt.mediaType, true); p != tt.post || d != tt.dm {
			t.Errorf("CategoryOf(%q) = %q and %q, want %q and %q", tt.mediaType, p, d, tt.post, tt.dm)
		}
	}
}

func ExampleCategoryOf() {
	fmt.Println(CategoryOf("video/mp4", true))
	// Output: dm_video
}
