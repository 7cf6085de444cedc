package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// start runs the program on the play's data and waits until it is ready.
func (p *play) start() error {
	logFile, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	listen := "127.0.0.1:0"
	if p.url != "" {
		listen = strings.TrimPrefix(p.url, "http://") // as an operator would: the same address again
	}
	if p.cmd, err = p.command(listen); err != nil {
		return err
	}
	p.cmd.Stderr = logFile
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.exited = make(chan error, 1)
	ready := make(chan string, 1)
	go func() {
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			if u, ok := strings.CutPrefix(sc.Text(), "ready "); ok {
				ready <- u
			}
		}
		p.exited <- p.cmd.Wait()
	}()
	select {
	case p.url = <-ready:
	case err := <-p.exited:
		p.cmd = nil
		return fmt.Errorf("perch ended before it was ready: %w: %s", err, p.said())
	case <-time.After(patience):
		return fmt.Errorf("perch was not ready in %s", patience)
	}
	if p.client == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return err
		}
		p.client = &http.Client{Jar: jar, Timeout: patience}
	}
	if p.stage != nil {
		return p.stage.ready()
	}
	return nil
}

func (p *play) command(listen string) (*exec.Cmd, error) {
	if p.run != nil {
		return p.run(listen)
	}
	return exec.Command(p.bin, "sandbox", "-v", "--listen", listen, "--data", p.data, "--api-token", token), nil
}

// stop ends the program as an operator does, and says how it went.
func (p *play) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.exited:
		p.cmd = nil
		if err != nil {
			err = fmt.Errorf("perch ended badly: %w: %s", err, p.said())
		}
		return err
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("perch did not end in %s", patience)
	}
}

// said is the end of the program's log.
func (p *play) said() []byte {
	b, _ := os.ReadFile(p.log) // without it the error has to do
	return b[max(0, len(b)-1500):]
}

// kill ends the program as a power failure does.
func (p *play) kill() {
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(err) // a program that can't be killed would outlive the test
	}
	<-p.exited //nolint:errcheck // it was killed: that is its error
	p.cmd = nil
}

// freeAddress is one that no connection of ours can take while the program is
// down: the system hands out ports from 32768 on.
func freeAddress() (string, error) {
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			return ln.Addr().String(), ln.Close()
		}
	}
	return "", errors.New("no port is free")
}
