package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// served is a play of `perch serve`, with stand-ins of the chat and of X in the
// test's own process. end is for when it is over.
func served(dir string, st stage, chat map[string]any) (p *play, end func(), err error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	x, endX := newX()
	p = &play{
		bin: perch, dir: dir, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "perch.log"), url: "http://" + addr, used: map[string]bool{},
		stage: st, world: x,
	}
	x.AddRedirectURL(p.url + "/x/callback")
	ada, rio, sam := st.user("ada"), st.user("rio"), st.user("sam")
	p.conf = map[string]any{
		"listen": addr, "public_url": p.url, "data": p.data,
		"encryption_key": childKey,
		"x": map[string]any{
			"client_id": "client-id", "client_secret": "client-secret", "consumer_key": "consumer-key", "consumer_secret": "consumer-secret",
			"bearer_token": "app-bearer", "api_base": x.url, "authorize_url": x.url + "/i/oauth2/authorize", "poll_interval": "1m",
		},
		"chat":     chat,
		"team":     map[string]any{"admins": []any{ada}, "responders": []any{ada, rio}, "agents": []any{sam, ada}},
		"channels": map[string]any{"setup": st.channel("setup"), "incidents": st.channel("incidents")},
		"departments": []any{
			map[string]any{"name": "Support", "channel": st.channel("support"), "agents": []any{sam}, "on_duty": []any{sam}},
		},
		"desk":     map[string]any{"default_department": "Support"},
		"log":      map[string]any{"level": "debug"},
		"shutdown": map[string]any{"drain": "3s"},
	}
	file := filepath.Join(dir, "serve.yaml")
	p.run = func(string) (*exec.Cmd, error) {
		raw, err := json.MarshalIndent(p.conf, "", "  ") // which is YAML too
		if err != nil {
			return nil, err
		}
		return exec.Command(perch, "serve", "--config", file), os.WriteFile(file, raw, 0o600)
	}
	secret := ""
	p.bearer = func() (string, error) {
		if secret != "" {
			return secret, nil
		}
		out, err := exec.Command(perch, "token", "create", "--config", file, "--scopes",
			"events:read,events:write,incidents:read,incidents:write,workflows:write", "flow").Output()
		secret = strings.TrimSpace(string(out))
		return secret, err
	}
	return p, endX, nil
}

// slackPlay is a play in a Slack workspace.
func slackPlay(dir string) (*play, func(), error) {
	s, endSlack, err := newSlack()
	if err != nil {
		return nil, nil, err
	}
	p, endX, err := served(dir, s, map[string]any{"slack": map[string]any{
		"bot_token": "xoxb-perch-bot", "app_token": "xapp-perch-app", "api_url": s.url + "/api/",
	}})
	return p, func() {
		p.kill()
		endSlack()
		endX()
	}, err
}

// configure changes a key of the configuration, such as departments.0.name. The
// value is JSON, or a text.
func (p *play) configure(key, value string) error {
	if p.conf == nil {
		return errNone
	}
	value = p.refs(value)
	var v any
	if json.Unmarshal([]byte(value), &v) != nil {
		v = value
	}
	names := strings.Split(key, ".")
	var at any = p.conf
	for i, name := range names {
		last := i == len(names)-1
		switch node := at.(type) {
		case map[string]any:
			if last {
				node[name] = v
				return nil
			}
			if node[name] == nil {
				node[name] = map[string]any{}
			}
			at = node[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(node) {
				return fmt.Errorf("%s: there is no %q", key, name)
			}
			if last {
				node[n] = v
				return nil
			}
			at = node[n]
		default:
			return fmt.Errorf("%s: %q has no parts", key, name)
		}
	}
	return nil
}
