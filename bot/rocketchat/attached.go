package rocketchat

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// file is a file of a message.
type file struct {
	ID   string `json:"_id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
}

// attached is what stands below a message: a file, among other things.
type attached struct {
	Type  string `json:"type"`        // "file"
	Link  string `json:"title_link"`  // to the file
	Image string `json:"image_url"`   // what is shown of it, maybe smaller
	Words string `json:"description"` // what its sender says of it
	Text  string `json:"text"`

	Actions []json.RawMessage `json:"actions"` // buttons
}

// said is the text of a message and of its files. Until line 8 the words that
// somebody writes below a file that they send are the file's, and the message
// has none.
func (m message) said() string {
	lines := []string{m.Text}
	for _, a := range m.Attachments {
		if words := strings.TrimSpace(a.Words); a.Type == "file" && words != "" && words != strings.TrimSpace(m.Text) {
			lines = append(lines, a.Words)
		}
	}
	if strings.TrimSpace(m.Text) == "" {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return m.Text
	}
	return strings.Join(lines, "\n")
}

// filesPath begins the paths of files.
const filesPath = "/file-upload/"

// files are the files of a message with the paths they are at. The smaller
// pictures that the server makes of pictures are in its list too: nobody sent
// them.
func (m message) files() []bot.File {
	list := m.Files
	if len(list) == 0 && m.File != nil {
		list = []file{*m.File}
	}
	var out []bot.File
	for _, f := range list {
		if !idRE.MatchString(f.ID) {
			continue
		}
		at := func(link string) bool { return strings.Contains(link, "/"+f.ID+"/") }
		linked := slices.IndexFunc(m.Attachments, func(a attached) bool { return at(a.Link) })
		if linked < 0 && slices.ContainsFunc(m.Attachments, func(a attached) bool { return at(a.Image) }) {
			continue
		}
		b := bot.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, URL: filesPath + f.ID + "/" + url.PathEscape(f.Name)}
		if linked >= 0 {
			b.URL = m.Attachments[linked].Link
		}
		out = append(out, b)
	}
	return out
}
