package web

import (
	"bytes"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// strict remembers what the library under us lets pass and other servers may read
// differently: a request line that ends in a line feed alone.
type strict struct{ net.Listener }

// Accept gives a connection that watches what it reads.
func (l strict) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watched{Conn: c}, nil
}

const (
	longestLine = 32 << 10 // above what a request line may be
	mostBare    = 256
)

// watched is a connection and the lines read from it that look like request lines and
// lack their carriage return. Bodies may hold such lines too, so it is compared with
// the request that came of it.
type watched struct {
	net.Conn
	line []byte
	bare []string
	many bool
}

func (c *watched) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	rest := p[:n]
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if len(c.line)+len(rest) <= longestLine {
				c.line = append(c.line, rest...)
			}
			return n, err
		}
		line := rest[:i]
		if len(c.line) > 0 {
			line = append(c.line, line...)
		}
		if len(line) <= longestLine && (bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0"))) {
			if c.many = c.many || len(c.bare) == mostBare; !c.many {
				c.bare = append(c.bare, string(line))
			}
		}
		c.line, rest = c.line[:0], rest[i+1:]
	}
}

// bareLine reports whether the line of this request ended in a line feed alone.
func bareLine(c *fasthttp.RequestCtx) bool {
	w, ok := c.Conn().(*watched)
	if !ok || len(w.bare) == 0 {
		return false
	}
	want := string(c.Request.Header.Method()) + " " + string(c.Request.Header.RequestURI()) + " " + string(c.Request.Header.Protocol())
	for _, line := range w.bare {
		if strings.TrimLeft(line, "\r") == want {
			return true
		}
	}
	return w.many
}

// wire refuses requests that two servers could read differently, and ends their
// connection.
func wire(c *fiber.Ctx) error {
	if bareLine(c.Context()) {
		c.Context().SetConnectionClose()
		return badRequest("The request line does not end as it must.")
	}
	return c.Next()
}
