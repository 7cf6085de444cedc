package main

import (
	"fmt"
	"strings"

	"github.com/perch-chat/perch/internal/app"
)

type slackCmd struct {
	Manifest    slackManifestCmd   `cmd:"" help:"Print the manifest from which the app is made at api.slack.com/apps."`
	InstallLink slackLinkCmd       `cmd:"" help:"Make a link with which somebody adds Perch to one more workspace, once."`
	Workspaces  slackWorkspacesCmd `cmd:"" help:"List the workspaces that Perch was added to."`
}

type slackManifestCmd struct {
	HTTP       bool   `help:"For HTTP mode: Slack calls Perch. Without it Perch connects to Slack (Socket Mode)." name:"http"`
	Workspaces bool   `help:"For several workspaces: the app is installed with links of Perch."`
	PublicURL  string `help:"Where Slack and browsers reach Perch, for both of these." placeholder:"URL" env:"PERCH_PUBLIC_URL"`
	JSON       bool   `help:"Print JSON instead of YAML." name:"json"`
}

// Run implements the command.
func (c slackManifestCmd) Run(e *env) error {
	url := strings.TrimRight(c.PublicURL, "/")
	if url == "" && (c.HTTP || c.Workspaces) {
		_, _ = fmt.Fprintln(e.err, "perch: this needs --public-url, such as --public-url https://perch.example.com")
		return exitCode(2)
	}
	text, err := app.SlackManifest{PublicURL: url, HTTP: c.HTTP, Workspaces: c.Workspaces, JSON: c.JSON}.Text()
	if err != nil {
		return err
	}
	_, err = e.out.Write(text)
	return err
}
