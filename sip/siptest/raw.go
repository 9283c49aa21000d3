package siptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Raw is a bare connection: it sends and receives bytes as they are.
type Raw struct {
	conn net.Conn
	ws   *websocket.Conn
	udp  bool
	buf  []byte
}

// DialRaw opens a connection to ip:port; transport is as in Config.
func DialRaw(ctx context.Context, transport, addr string, cfg *tls.Config) (*Raw, error) {
	r := &Raw{udp: transport == "udp"}
	var err error
	switch transport {
	case "udp", "tcp":
		r.conn, err = (&net.Dialer{}).DialContext(ctx, transport, addr)
	case "tls":
		r.conn, err = (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", addr)
	case "ws", "wss":
		r.ws, err = dialWS(ctx, transport+"://"+addr+"/", cfg)
		if err == nil {
			r.conn = websocket.NetConn(context.Background(), r.ws, websocket.MessageText)
		}
	default:
		err = errors.New("unknown transport")
	}
	if err != nil {
		return nil, fmt.Errorf("siptest: %s %s: %w", transport, addr, err)
	}
	return r, nil
}

// Write sends bytes; on WebSocket as one message.
func (r *Raw) Write(data []byte) error {
	_, err := r.conn.Write(data)
	return err
}

// LocalAddr is the local address.
func (r *Raw) LocalAddr() net.Addr { return r.conn.LocalAddr() }

// Read returns the next message, cut by datagram or by Content-Length; io.EOF when the peer closed.
func (r *Raw) Read(timeout time.Duration) (string, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(timeout))
	chunk := make([]byte, 1<<16)
	for {
		if n := messageLength(r.buf); n > 0 {
			m := string(r.buf[:n])
			r.buf = r.buf[n:]
			return m, nil
		}
		n, err := r.conn.Read(chunk)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || websocket.CloseStatus(err) >= 0 {
				err = io.EOF
			}
			return "", err
		}
		if r.udp {
			return string(chunk[:n]), nil
		}
		r.buf = append(r.buf, chunk[:n]...)
	}
}

// ReadRaw returns what comes next, uncut.
func (r *Raw) ReadRaw(timeout time.Duration) (string, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(timeout))
	chunk := make([]byte, 1<<16)
	n, err := r.conn.Read(chunk)
	return string(chunk[:n]), err
}

// Close closes the connection.
func (r *Raw) Close() { r.conn.Close() }

// messageLength is the length of the first complete message in buf, or 0.
func messageLength(buf []byte) int {
	end := bytes.Index(buf, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	length := 0
	for line := range strings.SplitSeq(string(buf[:end]), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	if len(buf) < end+4+length {
		return 0
	}
	return end + 4 + length
}
func dialWS(ctx context.Context, url string, cfg *tls.Config) (*websocket.Conn, error) {
	tr := &http.Transport{TLSClientConfig: cfg}
	defer tr.CloseIdleConnections()
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: tr}})
	return conn, err
}
