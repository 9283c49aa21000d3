package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ngClient speaks rtpengine's ng protocol: a cookie and a bencoded dictionary each way, over UDP. A request is repeated until it is answered;
// the relay knows a repetition by its cookie.
type ngClient struct {
	conn net.Conn
	done sync.WaitGroup

	mu      sync.Mutex // guards what follows
	waiting map[string]chan map[string]any
	refused error // the relay's port is closed
}

const ngRepeat = 500 * time.Millisecond

func dialNG(address string) (*ngClient, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	c := &ngClient{conn: conn, waiting: map[string]chan map[string]any{}}
	c.done.Go(c.read)
	return c, nil
}

func (c *ngClient) close() {
	c.conn.Close()
	c.done.Wait()
}

func (c *ngClient) read() {
	buf := make([]byte, 65536)
	for {
		n, err := c.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // an ICMP error: it is the answer to what waits
			c.mu.Lock()
			c.refused = err
			c.mu.Unlock()
			continue
		}
		cookie, body, _ := bytes.Cut(buf[:n], []byte(" "))
		v, err := parseBencode(body)
		reply, ok := v.(map[string]any)
		c.mu.Lock()
		ch := c.waiting[string(cookie)]
		delete(c.waiting, string(cookie))
		c.mu.Unlock()
		if ch != nil && err == nil && ok {
			ch <- reply
		}
	}
}

// do sends a command and waits for its answer; a result "error" is an error.
func (c *ngClient) do(ctx context.Context, command map[string]any) (map[string]any, error) {
	cookie := rand.Text()
	reply := make(chan map[string]any, 1)
	c.mu.Lock()
	c.waiting[cookie] = reply
	c.refused = nil
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, cookie)
		c.mu.Unlock()
	}()
	request := appendBencode([]byte(cookie+" "), command)
	repeat := time.NewTicker(ngRepeat)
	defer repeat.Stop()
	for {
		_, _ = c.conn.Write(request) // an error of an earlier packet: repeated anyway
		select {
		case r := <-reply:
			if r["result"] == "error" {
				return nil, fmt.Errorf("the relay refuses %s: %v", command["command"], r["error-reason"])
			}
			return r, nil
		case <-repeat.C:
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.refused != nil {
				return nil, c.refused
			}
			return nil, fmt.Errorf("the relay does not answer %s: %w", command["command"], ctx.Err())
		}
	}
}

// describe sends a description and returns the relay's version of it.
func (c *ngClient) describe(ctx context.Context, command map[string]any) ([]byte, error) {
	r, err := c.do(ctx, command)
	if err != nil {
		return nil, err
	}
	s, ok := r["sdp"].(string)
	if !ok {
		return nil, fmt.Errorf("the relay answers %s without SDP", command["command"])
	}
	return []byte(s), nil
}
