package slack

// Who of those in a channel are ours. A channel may be shared with other
// companies (Slack Connect), and an organization (Enterprise Grid) may have many
// workspaces: people of any of them are ours, people of another company are not,
// wherever they meet. See https://docs.slack.dev/apis/slack-connect

// foreign reports whether somebody belongs to another company. Only our own
// people may speak for us. In an organization the ID of another workspace does
// not say whose that is: Slack is asked about the person. Of whom it says
// nothing, nothing is taken.
func (d decoder) foreign(user, team string) bool {
	switch {
	case d.own(team):
		return false
	case d.me.Enterprise == "" || user == "":
		return true
	}
	e := d.people.get(d.ctx, user)
	if e.name == "" {
		d.log.Warn("slack does not say whose somebody is: what they do is left alone", "user", user, "of", team)
	}
	return e.enterprise != d.me.Enterprise
}

// own reports whether an ID that Slack gives for somebody's home is ours: the
// workspace's, or the organization's. Where it gives none, nothing is shared.
func (d decoder) own(team string) bool {
	return team == "" || team == d.me.Team || team == d.me.Enterprise
}

// outsider reports whether somebody is known to be none of our people: a bot,
// or of another company. Reactions don't say so themselves.
func (d decoder) outsider(id string) bool {
	e := d.people.get(d.ctx, id)
	return e.bot || !d.own(e.team) && (d.me.Enterprise == "" || e.enterprise != d.me.Enterprise)
}
