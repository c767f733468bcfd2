package web

import (
	"crypto/sha256"
	"sync"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/postgres"
)

// aheads are what pages read, by route, that is asked of the database together with
// who asks. A page that is not here, or whose reader is new to this process, reads
// afterwards.
var aheads = map[string]func(*fiber.Ctx) postgres.Ahead{
	"/runs": func(c *fiber.Ctx) postgres.Ahead { return &postgres.RunList{Filter: runFilter(c)} },
}

// keyAhead is where a page finds what was read ahead for it.
const keyAhead = "ahead"

// sessionsSeen bounds what is kept about sessions; past it all are forgotten.
const sessionsSeen = 10_000

// sessions knows which sessions held when last asked. It lets nobody in, and saves
// the database from reading for whoever makes up a session.
type sessions struct {
	mu   sync.Mutex
	held map[[sha256.Size]byte]struct{}
}

func (s *sessions) seen(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.held[sha256.Sum256([]byte(token))]
	return ok
}

func (s *sessions) note(token string, holds bool) {
	key := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !holds:
		delete(s.held, key)
	case s.held == nil || len(s.held) >= sessionsSeen:
		s.held = map[[sha256.Size]byte]struct{}{key: {}}
	default:
		s.held[key] = struct{}{}
	}
}
