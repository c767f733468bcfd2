package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"joinery/internal/fault"
)

// KeySize is the size of a master key in bytes (AES-256).
const KeySize = 32

const (
	sealVersion = 1
	keyIDSize   = 8
)

// Sealer encrypts values in envelopes: each value under a data key of its own,
// the data key under the master key, both with AES-256-GCM. The place a sealed
// value belongs to (table, column, row) is authenticated with it, so a row
// copied over another one does not open.
type Sealer struct {
	keys []master // the first seals; all open
}

type master struct {
	id    [keyIDSize]byte
	aead  *subtle.AESGCM
	marks []byte // the key of marks
}

// NewSealer takes the current master key and, after a change of it, earlier ones.
func NewSealer(current []byte, earlier ...[]byte) (*Sealer, error) {
	s := &Sealer{}
	for _, k := range append([][]byte{current}, earlier...) {
		if len(k) != KeySize {
			return nil, fault.New(fault.Invalid, "The master key must be %d bytes. Make one with: openssl rand -base64 32.", KeySize)
		}
		a, err := subtle.NewAESGCM(k)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "The master key cannot be used.")
		}
		sum := sha256.Sum256(append([]byte("joinery master key id\x00"), k...))
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte("joinery marks"))
		m := master{aead: a, marks: mac.Sum(nil)}
		copy(m.id[:], sum[:])
		s.keys = append(s.keys, m)
	}
	return s, nil
}

// Mark gives a keyed mark of a text, which proves later that the holder of the key
// made it. What says what kind of thing is marked.
func (s *Sealer) Mark(what, text string) []byte { return s.keys[0].mark(what, text) }

// Marked reports whether a mark was made of this text under one of the keys.
func (s *Sealer) Marked(what, text string, mark []byte) bool {
	for _, k := range s.keys {
		if hmac.Equal(mark, k.mark(what, text)) {
			return true
		}
	}
	return false
}

func (m master) mark(what, text string) []byte {
	mac := hmac.New(sha256.New, m.marks)
	mac.Write([]byte(what + "\x00" + text))
	return mac.Sum(nil)
}

// ParseKey reads a master key as base64 text.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := enc.DecodeString(text); err == nil && len(raw) == KeySize {
			return raw, nil
		}
	}
	return nil, fault.New(fault.Invalid, "The master key must be base64 of exactly %d bytes. Make one with: openssl rand -base64 32.", KeySize)
}

// Seal encrypts a value for one place, such as "credentials|sealed|cr_1".
func (s *Sealer) Seal(v Value, place string) ([]byte, error) {
	data := make([]byte, KeySize)
	if _, err := rand.Read(data); err != nil {
		return nil, err
	}
	wrapped, err := s.keys[0].aead.Encrypt(data, []byte("key|"+place))
	if err != nil {
		return nil, err
	}
	a, err := subtle.NewAESGCM(data)
	if err != nil {
		return nil, err
	}
	sealed, err := a.Encrypt([]byte(v.Reveal()), []byte("value|"+place))
	if err != nil {
		return nil, err
	}
	out := append([]byte{sealVersion}, s.keys[0].id[:]...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(wrapped)))
	out = append(out, wrapped...)
	return append(out, sealed...), nil
}

// Open decrypts what Seal made for the same place.
func (s *Sealer) Open(sealed []byte, place string) (Value, error) {
	head := 1 + keyIDSize + 2
	if len(sealed) < head || sealed[0] != sealVersion {
		return Value{}, broken(errors.New("unknown form of sealed value"))
	}
	n := int(binary.BigEndian.Uint16(sealed[head-2 : head]))
	if len(sealed) < head+n {
		return Value{}, broken(errors.New("sealed value is cut short"))
	}
	for _, m := range s.keys {
		if string(m.id[:]) != string(sealed[1:1+keyIDSize]) {
			continue
		}
		data, err := m.aead.Decrypt(sealed[head:head+n], []byte("key|"+place))
		if err != nil {
			return Value{}, broken(err)
		}
		a, err := subtle.NewAESGCM(data)
		if err != nil {
			return Value{}, broken(err)
		}
		text, err := a.Decrypt(sealed[head+n:], []byte("value|"+place))
		if err != nil {
			return Value{}, broken(err)
		}
		return New(string(text)), nil
	}
	return Value{}, fault.New(fault.Invalid, "This secret was sealed under another master key. Start Joinery with that key, or set the secret again.")
}

func broken(err error) error {
	return fault.Wrap(fault.Internal, err, "The stored secret does not open: it was changed or moved. Set it again.")
}
