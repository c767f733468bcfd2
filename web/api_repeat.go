package web

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/postgres"
)

// The header by which a program marks a request that it may have to send again.
const (
	repeatHeader   = "Idempotency-Key"
	repeatedHeader = "Idempotent-Replayed"
)

// repeatable are the operations that know a request again by its key. The others do
// no harm twice: they answer 409 or 200 when what they ask for is so already.
func repeatable(op apiOp) bool {
	return slices.Contains([]string{"POST /flows/:key/runs", "POST /flows/:key/bulk", "POST /flows/:key/lists", "POST /events/:id/replay"}, op.method+" "+strings.TrimPrefix(op.path, v1))
}

// repeatOf reads the key, and what it is for: the address, the media type and every
// byte of the body.
func repeatOf(c *fiber.Ctx) (postgres.Repeat, error) {
	key := c.Get(repeatHeader)
	if key == "" {
		return postgres.Repeat{}, nil
	}
	if len(key) > 200 || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return postgres.Repeat{}, badRequest("%s is up to 200 letters, digits and signs without spaces, such as a UUID.", repeatHeader)
	}
	sum := sha256.New()
	for _, part := range []string{c.Method(), c.Path(), c.Get("Content-Type")} {
		_, _ = sum.Write([]byte(part + "\n"))
	}
	_, _ = sum.Write(c.Body())
	return postgres.Repeat{Key: key, Request: hex.EncodeToString(sum.Sum(nil))}, nil
}

// repeated says in a header that an answer is that of an earlier sending.
func repeated(c *fiber.Ctx, again bool) {
	if again {
		c.Set(repeatedHeader, "true")
	}
}
