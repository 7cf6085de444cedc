package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
)

// ErrNotRunning is returned where no Perch takes orders.
var ErrNotRunning = errors.New("perch is not running")

// Control gives orders to the Perch that runs with the same data folder.
type Control struct{ http *http.Client }

// NewControl returns a Control. It does no I/O.
func NewControl(c config.Config) *Control {
	path := ControlSocket(c)
	return &Control{http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}}
}

// do sends one order. The caller closes the answer's body.
func (c *Control) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://perch"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("perch is running as another user: run this as that user, such as with sudo -u perch")
	case err != nil:
		return nil, fmt.Errorf("ask the running perch: %w", err)
	case resp.StatusCode != http.StatusOK:
		defer func() { _ = resp.Body.Close() }()             // only read
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // as much as there is
		return nil, fmt.Errorf("the running perch (%s): %s", resp.Status, strings.TrimSpace(string(b)))
	}
	return resp, nil
}

// Backup copies a dump of the store as it is now to w.
func (c *Control) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, http.MethodGet, "/backup", nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("copy the backup: %w", err)
	}
	return nil
}

// Check has the records of the store compared with their indexes. It returns
// what does not fit together.
func (c *Control) Check(ctx context.Context) (findings []string, err error) {
	resp, err := c.do(ctx, http.MethodGet, "/check", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if err := json.NewDecoder(resp.Body).Decode(&findings); err != nil {
		return nil, fmt.Errorf("read the answer of the running perch: %w", err)
	}
	return findings, nil
}

// Status asks how it goes.
func (c *Control) Status(ctx context.Context) (Status, error) {
	resp, err := c.do(ctx, http.MethodGet, "/status", nil)
	if err != nil {
		return Status{}, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	var s Status
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return Status{}, fmt.Errorf("read the answer of the running perch: %w", err)
	}
	return s, nil
}

// Tokens carries out an order: "list", "create" or "revoke".
func (c *Control) Tokens(ctx context.Context, what string, o TokenOrder) (TokenOrder, error) {
	method, path := http.MethodPost, "/tokens"
	switch what {
	case "list":
		method = http.MethodGet
	case "revoke":
		path += "/revoke"
	}
	body, err := json.Marshal(o) //nolint:gosec // the order goes to Perch itself
	if err != nil {
		return TokenOrder{}, fmt.Errorf("encode: %w", err)
	}
	resp, err := c.do(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return TokenOrder{}, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	var out TokenOrder
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return TokenOrder{}, fmt.Errorf("read the answer of the running perch: %w", err)
	}
	if out.Error != "" {
		return TokenOrder{}, errors.New(out.Error)
	}
	return out, nil
}

// Examine has the running Perch make the doctor's checks. What it says of the
// configuration is replaced by configErr, for the file may have changed since.
func (c *Control) Examine(ctx context.Context, configErr error, found func(doctor.Finding)) (healthy bool, err error) {
	resp, err := c.do(ctx, http.MethodGet, "/doctor", nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	healthy = doctor.Run(ctx, doctor.Deps{Only: doctor.Configuration, ConfigErr: configErr}, found)
	for dec := json.NewDecoder(resp.Body); ; {
		var f doctor.Finding
		if err := dec.Decode(&f); err != nil {
			return false, fmt.Errorf("the running perch stopped before its checks were done: %w", err)
		}
		switch f.Check {
		case allDone:
			return healthy, nil
		case doctor.Configuration:
			continue
		}
		healthy = healthy && f.State != doctor.Fail
		found(f)
	}
}
