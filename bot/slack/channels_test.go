package slack_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

func message(err error) string {
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return e.Message
	}
	return ""
}

func TestEnsureChannel(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	secret := w.AddChannel(slackfake.Channel{Name: "secret", Private: true, Members: []string{"ada"}})
	public := w.AddChannel(slackfake.Channel{Name: "incidents", Members: []string{"ada"}})

	_, err := a.EnsureChannel(t.Context(), "secret", "", true)
	wantCode(t, "a private channel that the bot is not in", err, "name_taken")
	if m := message(err); !strings.Contains(m, "/invite @perch") || !strings.Contains(m, "#secret") {
		t.Errorf("it says %q, want how to let the bot in", m)
	}
	if err := w.Join("perch", secret, "ada"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"secret": secret, "incidents": public, "#Incidents": public} {
		for range 2 {
			if ref, err := a.EnsureChannel(t.Context(), name, "Words of Perch", name == "secret"); err != nil || ref != bot.ChannelRef("slack:"+want) {
				t.Errorf("EnsureChannel(%s) = %q, %v, want %s", name, ref, err, want)
			}
		}
	}
	if !slices.Contains(w.Members(public), "U0PERCHBOT") {
		t.Error("the bot did not join")
	}

	// The purpose of a channel of its own is made good after an interrupted call.
	w.AddFault(slackfake.Fault{Method: "conversations.setPurpose", Drop: slackfake.DropBefore})
	ref, err := a.EnsureChannel(t.Context(), "setup", "Connect X & more", true)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.EnsureChannel(t.Context(), "setup", "Connect X & more", true); err != nil || again != ref {
		t.Errorf("EnsureChannel again = %q, %v, want %q", again, err, ref)
	}
	if _, purpose := w.Topic("setup"); purpose != "Connect X &amp; more" {
		t.Errorf("the purpose is %q", purpose)
	}

	// Where apps may make no channels, one that people made will do.
	for _, code := range []string{"restricted_action", "missing_scope"} {
		w.AddFault(slackfake.Fault{Method: "conversations.create", Error: code, Times: 2})
		if ref, err := a.EnsureChannel(t.Context(), "incidents", "", false); err != nil || ref != bot.ChannelRef("slack:"+public) {
			t.Errorf("EnsureChannel with %s = %q, %v", code, ref, err)
		}
		_, err = a.EnsureChannel(t.Context(), "nowhere", "", false)
		wantCode(t, "no such channel", err, code)
	}
	w.Archive("incidents", "ada")
	_, err = a.EnsureChannel(t.Context(), "incidents", "", false)
	wantCode(t, "an archived channel", err, "is_archived")
}

func TestInviteNamesWhoCouldNotCome(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	gone := w.AddUser(slackfake.User{Name: "past", RealName: "Pat Past", Deleted: true})
	ch := w.AddChannel(slackfake.Channel{Name: "inc-1", Private: true, Members: []string{"perch", "ada"}})
	ref := bot.ChannelRef("slack:" + ch)
	err := a.Invite(t.Context(), ref, []bot.UserRef{bot.UserRef("slack:" + gone), bot.UserRef("slack:" + w.rio), bot.UserRef("slack:" + w.ada), "slack:U0PERCHBOT", bot.UserRef("slack:" + w.rio)})
	wantCode(t, "one who has left", err, "user_not_found")
	if m := message(err); !strings.Contains(m, "Pat Past") || strings.Contains(m, "Rio") {
		t.Errorf("it says %q, want who could not come", m)
	}
	if got := w.Members(ch); !slices.Contains(got, w.rio) || len(got) != 3 {
		t.Errorf("the members are %v, want Rio with them", got)
	}
	if err := a.Invite(t.Context(), ref, nil); err != nil {
		t.Errorf("Invite of nobody: %v", err)
	}
	wantCode(t, "a ref of another chat", a.Invite(t.Context(), ref, []bot.UserRef{"webchat:U_ada"}), "user_not_found")
	w.Leave("perch", ch)
	wantCode(t, "a private channel that the bot has left", a.Invite(t.Context(), ref, []bot.UserRef{bot.UserRef("slack:" + w.rio)}), "channel_not_found")
}

func TestInspect(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	for _, tt := range []struct {
		id   string
		want bot.Channel
	}{
		{w.channel, bot.Channel{Name: "support", Member: true}},
		{w.AddChannel(slackfake.Channel{Name: "shared", Shared: true, Members: []string{"perch"}}), bot.Channel{Name: "shared", Member: true, Shared: true}},
		{w.AddChannel(slackfake.Channel{Name: "private", Private: true, Members: []string{"perch"}}), bot.Channel{Name: "private", Member: true, Private: true}},
		{w.AddChannel(slackfake.Channel{Name: "other"}), bot.Channel{Name: "other"}},
		{w.DirectChannel("ada"), bot.Channel{Direct: true, Private: true, Member: true}},
	} {
		tt.want.Ref = bot.ChannelRef("slack:" + tt.id)
		if got, err := a.Inspect(t.Context(), tt.want.Ref); err != nil || got != tt.want {
			t.Errorf("Inspect = %+v, %v, want %+v", got, err, tt.want)
		}
	}
	_, err := a.Inspect(t.Context(), bot.ChannelRef("slack:"+w.AddChannel(slackfake.Channel{Name: "hidden", Private: true})))
	wantCode(t, "a private channel that the bot is not in", err, "channel_not_found")
}

// The names of a big group are read in pages, not one by one.
func TestMembersOfABigGroup(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	var all []string
	for i := range 150 {
		name := fmt.Sprintf("agent%03d", i)
		w.AddUser(slackfake.User{Name: name, RealName: fmt.Sprintf("Agent %d", i), Display: map[bool]string{true: "Ace"}[i == 7]})
		all = append(all, name)
	}
	users, err := a.Members(t.Context(), bot.GroupRef("slack:"+w.AddUserGroup("all", "All", all...)))
	if err != nil || len(users) != 150 {
		t.Fatalf("%d members, %v", len(users), err)
	}
	for i, u := range users {
		if want := fmt.Sprintf("Agent %d", i); u.Name != want && (i != 7 || u.Name != "Ace") {
			t.Errorf("member %d is %+v, want %s", i, u, want)
		}
	}
	if n := len(w.Calls("users.info")); n > 0 {
		t.Errorf("%d people were asked for one by one", n)
	}
	if got, err := a.Members(t.Context(), bot.GroupRef("slack:"+w.AddUserGroup("none", "None"))); err != nil || len(got) != 0 {
		t.Errorf("an empty group has %v, %v", got, err)
	}
	w.AddFault(slackfake.Fault{Method: "usergroups.users.list", Error: "plan_upgrade_required"})
	_, err = a.Members(t.Context(), "slack:S0X")
	wantCode(t, "a plan without groups", err, "plan_upgrade_required")
}
