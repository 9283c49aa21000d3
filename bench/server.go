package bench

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"
)

// servers is how the servers of a comparison are configured.
//
//go:embed servers
var servers embed.FS

const (
	comparePassword = "bench-only-5pQ7xW2k" // of users that exist for minutes, in a network of their own
	serverPatience  = 20 * time.Second      // for a server to start or to stop
	compareUsers    = 200                   // of each kind
)

// server is a server that a comparison has started.
type server struct {
	cmd  *exec.Cmd
	dir  string
	with *server // that it needs, nil for none: measured and stopped together
	log  tail
	done chan struct{} // closed when the process has ended
}

// tail keeps the end of what a server writes, for when it fails.
type tail struct {
	mu   sync.Mutex // guards what follows
	text []byte
}

const tailBytes = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 2*tailBytes {
		t.text = append(t.text[:0], t.text[len(t.text)-tailBytes:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// startServer runs a program with files in a folder of its own; {dir} in an argument is that folder. stdout, when not nil, sees what it prints.
func startServer(files map[string]string, stdout io.Writer, program string, args ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "talkpath-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, done: make(chan struct{})}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{dir}", dir)
	}
	s.cmd = exec.Command(program, args...)
	s.cmd.Env = append(os.Environ(), "TALKPATH_READY_JSON=1")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if stdout != nil {
		s.cmd.Stdout = io.MultiWriter(stdout, &s.log)
	}
	s.cmd.SysProcAttr = ownGroup() // an interrupt from the terminal is ours; we stop it
	if err := s.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	return s, nil
}

// pid is the processes to measure.
func (s *server) pid() string {
	if s.with != nil {
		return fmt.Sprintf("%d,%s", s.cmd.Process.Pid, s.with.pid())
	}
	return fmt.Sprint(s.cmd.Process.Pid)
}

// stop ends the server and waits for it.
func (s *server) stop() {
	if s.with != nil {
		defer s.with.stop()
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(serverPatience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	os.RemoveAll(s.dir)
}

// await tries until try succeeds; a server that ends or takes too long is an error with its last words.
func (s *server) await(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended: %s", s.cmd.Path, &s.log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not start: %w\n%s", s.cmd.Path, err, &s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// serverFile is a file of the folder servers, filled in. relay is the control port of the relay that a proxy uses, "" for none.
func serverFile(name, relay string) (string, error) {
	t, err := template.ParseFS(servers, "servers/"+name)
	if err != nil {
		return "", err
	}
	data := struct {
		Password, Relay string
		Plain, Secure   []int
	}{Password: comparePassword, Relay: relay}
	for n := range compareUsers {
		data.Plain, data.Secure = append(data.Plain, 1000+n), append(data.Secure, 5000+n)
	}
	var text bytes.Buffer
	err = t.Execute(&text, data)
	return text.String(), err
}

// startTalkpath runs this program as an exchange.
func startTalkpath(ctx context.Context) (*server, error) {
	tree, err := serverFile("freeswitch.xml", "")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	defer r.Close()
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "{") {
				close(ready)
				break
			}
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	s, err := startServer(map[string]string{"freeswitch.xml": tree}, w, self, "-conf", "{dir}", "-state", "{dir}/state")
	if err != nil {
		return nil, err
	}
	err = s.await(ctx, func(context.Context) error {
		select {
		case <-ready:
			return nil
		default:
			return errors.New("not ready yet")
		}
	})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

const compareNG = "127.0.0.1:2223"

// startRTPEngine runs Debian's rtpengine in user space with one thread.
func startRTPEngine(ctx context.Context) (*server, error) {
	s, err := startServer(nil, nil, "rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1", "--listen-ng="+compareNG, "--port-min=30002", "--port-max=50000",
		"--num-threads=1", "--delete-delay=0", "--log-level=3", "--log-stderr", "--foreground", "--pidfile={dir}/pid")
	return awaitNG(ctx, s, err)
}

// startEngine runs the media engine of this program as a relay.
func startEngine(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := startServer(nil, nil, self, "bench", "engine", "-ng", compareNG)
	return awaitNG(ctx, s, err)
}

// awaitNG waits until a relay that was started answers.
func awaitNG(ctx context.Context, s *server, err error) (*server, error) {
	if err != nil {
		return nil, err
	}
	err = s.await(ctx, func(ctx context.Context) error {
		c, err := dialNG(compareNG)
		if err != nil {
			return err
		}
		defer c.close()
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		_, err = c.do(ctx, map[string]any{"command": "ping"})
		return err
	})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// startKamailio runs Debian's Kamailio with one child, as a registrar.
func startKamailio(ctx context.Context) (*server, error) { return startProxy(ctx, "") }

// startKamailioRelay runs Kamailio as a proxy that has rtpengine relay the media of its calls.
func startKamailioRelay(ctx context.Context) (*server, error) {
	relay, err := startRTPEngine(ctx)
	if err != nil {
		return nil, err
	}
	s, err := startProxy(ctx, compareNG)
	if err != nil {
		relay.stop()
		return nil, err
	}
	s.with = relay
	return s, nil
}

func startProxy(ctx context.Context, relay string) (*server, error) {
	cfg, err := serverFile("kamailio.cfg", relay)
	if err != nil {
		return nil, err
	}
	s, err := startServer(map[string]string{"kamailio.cfg": cfg}, nil, "kamailio", "-f", "{dir}/kamailio.cfg", "-DD", "-E", "-Y", "{dir}", "-P", "{dir}/pid", "-m", "256", "-M", "32")
	if err != nil {
		return nil, err
	}
	err = s.await(ctx, func(ctx context.Context) error {
		ps, err := openPhones(ctx, compareOptions("udp:127.0.0.1:5060", 1))
		if err == nil {
			ps.close()
		}
		return err
	})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}
