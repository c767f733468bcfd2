package web

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/review"
)

// page is an answer with a list.
type page struct {
	Items any     `json:"items"`
	Next  *string `json:"next"`
}

// cursorKind is the sort of place at which a list goes on. A cursor carries its
// kind, so that one of another list is refused and not taken for an odd place.
type cursorKind struct {
	tag   string
	valid func(at string) bool
}

var (
	runCursor        = cursorKind{"run", shaped(`^rn_[0-9A-Za-z_-]{1,80}$`)}
	liftCursor       = cursorKind{"lift", shaped(`^lf_[0-9A-Za-z_-]{1,80}$`)}
	listCursor       = cursorKind{"list", shaped(`^bl_[0-9A-Za-z_-]{1,80}$`)}
	eventCursor      = cursorKind{"event", shaped(`^ev_[0-9A-Za-z_-]{1,80}$`)}
	nameCursor       = cursorKind{"name", shaped(`^nm_[0-9A-Za-z_-]{1,80}$`)}
	joinerCursor     = cursorKind{"joiner", shaped(`^j_[0-9A-Za-z_-]{1,80}$`)}
	reviewCursor     = cursorKind{"review", shaped(`^rv_[0-9A-Za-z_-]{1,80}$`)}
	signoffCursor    = cursorKind{"signoff", shaped(`^so_[0-9A-Za-z_-]{1,80}$`)}
	exceptionCursor  = cursorKind{"exception", shaped(`^ex_[0-9A-Za-z_-]{1,80}$`)}
	credentialCursor = cursorKind{"credential", shaped(`^cr_[0-9A-Za-z_-]{1,80}$`)}
	revisionCursor   = cursorKind{"revision", shaped(`^[1-9][0-9]{0,8}$`)}
	auditCursor      = cursorKind{"audit", shaped(`^[1-9][0-9]{0,17}$`)}
)

func shaped(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

// artifactCursor goes on after a key. Each kind has its own.
func artifactCursor(kind review.Kind) cursorKind {
	return cursorKind{kind.Plural(), func(key string) bool { return artifact.CheckKey(key) == nil }}
}

func (k cursorKind) write(at string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.tag + ":" + at))
}

func (k cursorKind) read(cursor string) (string, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", false
	}
	at, ok := strings.CutPrefix(string(raw), k.tag+":")
	return at, ok && k.valid(at)
}

func sendPage[T any](c *fiber.Ctx, kind cursorKind, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	p := page{Items: items}
	if next != "" {
		cursor := kind.write(next)
		p.Next = &cursor
	}
	return sendJSON(c, http.StatusOK, p)
}

// pageOf reads limit (50 unless asked) and cursor.
func pageOf(c *fiber.Ctx, kind cursorKind) (limit int, after string, err error) {
	limit = 50
	if text := c.Query("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 200 {
			return 0, "", badRequest("limit is a number from 1 to 200.")
		}
	}
	if text := c.Query("cursor"); text != "" {
		var ok bool
		if after, ok = kind.read(text); !ok {
			return 0, "", badRequest("This cursor is not one that this list gave. Leave it out to begin at the start.")
		}
	}
	return limit, after, nil
}

// queryWord reads a parameter that is one of some words; "" when it is not there.
func queryWord(c *fiber.Ctx, name string, words []string) (string, error) {
	text := c.Query(name)
	if text == "" || oneOf(text, words) {
		return text, nil
	}
	return "", badRequest("%s", wrongWord(name, words))
}
