package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
)

// checkWire refuses a header block that a proxy in front of us may read
// differently than we do: lines that end in a bare line feed or carriage return,
// and values continued on the next line. The HTTP library lets both pass. The
// connection ends, so that what came behind is not run. A compressed body is
// refused, because a small one can unpack to gigabytes before anybody is asked.
func checkWire(c *fiber.Ctx) error {
	if packed := c.Get("Content-Encoding"); packed != "" && packed != "identity" {
		c.Context().SetConnectionClose()
		return fault.New(fault.Unsupported, "Send the body as it is, not compressed.")
	}
	raw := c.Request().Header.RawHeaders()
	start := true
	for i, b := range raw {
		odd := false
		switch b {
		case '\n':
			odd = i == 0 || raw[i-1] != '\r'
		case '\r':
			odd = i+1 >= len(raw) || raw[i+1] != '\n'
		case ' ', '\t':
			odd = start
		}
		if odd {
			c.Context().SetConnectionClose()
			return statusError{http.StatusBadRequest, fault.New(fault.Invalid, "The request's headers are not well formed.")}
		}
		start = b == '\n'
	}
	return nil
}
