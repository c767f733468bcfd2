package demo

import (
	"bufio"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"
)

// mailbox takes every message that Joinery sends to the demo company and shows
// it. It speaks as much SMTP (RFC 5321) as a sender needs, on loopback only.
type mailbox struct {
	mu    sync.Mutex
	lines []mailLine
	l     net.Listener
	open  map[net.Conn]bool
	work  sync.WaitGroup
}

type mailLine struct {
	ID, To, Subject string
}

func (m *mailbox) list() []mailLine {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.Clone(m.lines)
	slices.Reverse(out)
	return out
}

func (m *mailbox) listen(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	m.l, m.open = l, map[net.Conn]bool{}
	m.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.open[c] = true
			m.mu.Unlock()
			m.work.Go(func() { m.talk(c) })
		}
	})
	return l.Addr().String(), nil
}

func (m *mailbox) close() {
	if m.l == nil {
		return
	}
	_ = m.l.Close()
	m.mu.Lock()
	for c := range m.open {
		_ = c.Close()
	}
	m.mu.Unlock()
	m.work.Wait()
}

func (m *mailbox) talk(c net.Conn) {
	defer func() {
		_ = c.Close()
		m.mu.Lock()
		delete(m.open, c)
		m.mu.Unlock()
	}()
	say := func(text string) { _, _ = fmt.Fprintf(c, "%s\r\n", text) }
	say("220 demo mailbox")
	in := bufio.NewReaderSize(c, 64<<10)
	var to []string
	for {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-demo\r\n250-8BITMIME\r\n250 SMTPUTF8")
		case "HELO", "RSET", "NOOP":
			to = nil
			say("250 ok")
		case "MAIL":
			say("250 ok")
		case "RCPT":
			to = append(to, strings.Trim(strings.TrimPrefix(strings.ToLower(rest), "to:"), "<> "))
			say("250 ok")
		case "DATA":
			say("354 go on")
			text, err := readData(in)
			if err != nil {
				return
			}
			m.take(to, text)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 not known here")
		}
	}
}

func readData(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for b.Len() < 1<<20 {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == ".\r\n" || line == ".\n" {
			return b.String(), nil
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	return "", fmt.Errorf("message is too large")
}

func (m *mailbox) take(to []string, text string) {
	line := mailLine{To: strings.Join(to, ", "), Subject: "(no subject)"}
	if msg, err := mail.ReadMessage(strings.NewReader(text)); err == nil {
		if s, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err == nil && s != "" {
			line.Subject = s
		}
		line.ID = msg.Header.Get("Message-Id")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// A repeated try carries the same id.
	if line.ID != "" && slices.ContainsFunc(m.lines, func(l mailLine) bool { return l.ID == line.ID }) {
		return
	}
	if m.lines = append(m.lines, line); len(m.lines) > 50 {
		m.lines = m.lines[1:]
	}
}
