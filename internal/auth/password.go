package auth

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"joinery/internal/fault"
)

// MinPassword is the least number of characters of a password.
const MinPassword = 15

// params are OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane. They
// are the floor: a stored hash below them is made anew at the next sign-in.
var params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hasher bounds how many passwords are hashed at once, so that a burst of
// sign-ins cannot take all memory.
type Hasher struct{ slots chan struct{} }

// NewHasher allows n hashes at a time.
func NewHasher(n int) *Hasher { return &Hasher{slots: make(chan struct{}, n)} }

// Hash gives the argon2id form of a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	return argon2id.CreateHash(password, params)
}

// Matches compares in constant time. An empty hash (no such user) costs the same
// and matches nothing.
func (h *Hasher) Matches(ctx context.Context, password, hash string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	known := hash != ""
	if !known {
		hash = nobody
	}
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	return ok && known, err
}

// Outdated tells that a stored hash is weaker than those made now.
func Outdated(hash string) bool {
	p, salt, key, err := argon2id.DecodeHash(hash)
	return err != nil || p.Memory < params.Memory || p.Iterations < params.Iterations || len(salt) < int(params.SaltLength) || len(key) < int(params.KeyLength)
}

// nobody is the hash of a random text that was thrown away.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$Zm9yIHRoZSB0aW1pbmcuLg$3K0bPrAVnUWGUcyn2YBhYwkTq2cwvC0mCBqtM0rTnXM"

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "Too many people sign in at this moment. Try again.")
	}
}

func (h *Hasher) leave() { <-h.slots }

// CheckPassword says what is wrong with a new password; nil when it will do.
// Length and a list of the most used ones decide; composition rules do not help.
func CheckPassword(password, email string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return fault.New(fault.Invalid, "The password needs at least %d characters. A short sentence is easy to remember.", MinPassword)
	case n > 256:
		return fault.New(fault.Invalid, "The password may have at most 256 characters.")
	}
	lower := strings.ToLower(password)
	name, _, _ := strings.Cut(strings.ToLower(email), "@")
	if len(name) >= 4 && strings.Contains(lower, name) {
		return fault.New(fault.Invalid, "The password contains the e-mail name. Choose another.")
	}
	if guessable(lower) {
		return fault.New(fault.Invalid, "This password is easy to guess. Choose another.")
	}
	return nil
}
