package slack

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// TestModalGolden: Slack's own types are held against these files.
func TestModalGolden(t *testing.T) {
	a := testAPI(t, people)
	loading, err := notice("Declare an incident", "perch-1", textLoading)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "modal_loading.json", json.RawMessage(loading))
	answer, err := a.textView("Transfer", "perch-1", bot.Message{
		Channel: "slack:C1", Thread: "slack:C1:1700000000.000100", Text: "Sam has this conversation.",
		Blocks: []bot.Block{
			bot.Para(bot.Mention("slack:U1"), bot.Plain(" has <!channel> this conversation.")), bot.Quote("*hi* <https://x.com|x>"),
			bot.Actions(bot.Button{ID: "desk.take", Label: "Take over", Value: "c-1", Confirm: "Take it over?"}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "modal_answer.json", json.RawMessage(answer))
}

func TestAnswersThatDoNotFitAModal(t *testing.T) {
	a := testAPI(t, people)
	view, err := a.textView(strings.Repeat("Ü", 40), "perch-1", bot.Message{Text: "only text, <!here>"})
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Title struct {
			Text string `json:"text"`
		} `json:"title"`
		Blocks []json.RawMessage `json:"blocks"`
	}
	if err := json.Unmarshal([]byte(view), &v); err != nil || len([]rune(v.Title.Text)) > maxTitle || len(v.Blocks) == 0 || strings.Contains(view, "<!here>") {
		t.Errorf("textView = %s, %v", view, err)
	}
	_, err = a.textView("", "perch-1", bot.Message{Channel: "slack:C1", Thread: bot.MessageRef(strings.Repeat("x", maxPrivate)), Text: "x"})
	if _, ok := errors.AsType[*bot.Error](err); !ok {
		t.Errorf("an answer that carries too much: %v", err)
	}
}
