package rocketchat

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
)

func TestFilesOfMessages(t *testing.T) {
	const pic = `"attachments":[{"type":"file","title":"a b.png","title_link":"/file-upload/F1/a%20b.png","image_url":"/file-upload/F1t/a%20b.png"}]`
	one := bot.File{ID: "F1", Name: "a b.png", Type: "image/png", Size: 5, URL: "/file-upload/F1/a%20b.png"}
	for _, c := range []struct {
		name, raw string
		text      string
		files     []bot.File
	}{
		{"none", `{"msg":"x"}`, "x", nil},
		{
			"a picture and the smaller one that the server made of it",
			`{"msg":"","file":{"_id":"F1","name":"a b.png","type":"image/png","size":5},"files":[{"_id":"F1","name":"a b.png","type":"image/png","size":5},{"_id":"F1t","name":"thumb-a b.png","type":"image/png","size":2}],` + pic + `}`,
			"",
			[]bot.File{one},
		},
		{"of an older server", `{"msg":"x","file":{"_id":"F1","name":"a b.png","type":"image/png","size":5},` + pic + `}`, "x", []bot.File{one}},
		{"nobody says where it is", `{"msg":"x","files":[{"_id":"F1","name":"a b.png","type":"image/png","size":5}]}`, "x", []bot.File{one}},
		{"an ID that is none", `{"msg":"x","files":[{"_id":"../x","name":"a"},{"_id":""}]}`, "x", nil},
		{"words below it", `{"msg":"","attachments":[{"type":"file","description":"Your *invoice*"}]}`, "Your *invoice*", nil},
		{"words beside and below", `{"msg":"Two files.","attachments":[{"type":"file","description":"one"},{"type":"file","description":" "},{"type":"file","description":"two"}]}`, "Two files.\none\ntwo", nil},
		{"the same words twice", `{"msg":"one","attachments":[{"type":"file","description":"one"}]}`, "one", nil},
		{"a quotation's words", `{"msg":"yes","attachments":[{"message_link":"https://x","text":"no","description":"no"}]}`, "yes", nil},
	} {
		var m message
		if err := json.Unmarshal([]byte(c.raw), &m); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.files, m.files()); diff != "" || m.Text != c.text {
			t.Errorf("%s: %q, want %q; files (-want +got):\n%s", c.name, m.Text, c.text, diff)
		}
	}
}
