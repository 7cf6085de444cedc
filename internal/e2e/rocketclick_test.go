package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// click has somebody press a button, and say yes if they are asked whether they
// mean it: Rocket.Chat itself asks nobody.
func (s *rocketStage) click(who string, on rcfake.Message, b rcfake.Button) error {
	rooms := []string{s.DirectRoom(who), on.Room} // the question may take the place of the button
	if _, err := s.Press(who, on.Room, on.ID, b.Text); err != nil || !strings.Contains(b.Msg, url.QueryEscape(" ? ")) {
		return err
	}
	return eventually(func() error {
		for _, room := range rooms {
			for _, m := range slices.Backward(s.Messages(room)) {
				if len(m.Buttons) != 2 || m.Buttons[0].Text != "Yes" {
					continue
				}
				_, err := s.Press(who, room, m.ID, "Yes")
				return err
			}
		}
		return fmt.Errorf("%s is not asked about %s", who, b.Text)
	})
}
