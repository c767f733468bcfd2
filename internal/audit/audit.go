// Package audit knows the hash chain of the audit log: how a record is hashed,
// how a chain is verified, and the signed checkpoints kept outside the database,
// which a person with all rights on the database cannot rewrite.
package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Genesis is the hash before the first record.
var Genesis = strings.Repeat("0", 64)

// Record is one sealed audit record as stored. At is in UTC with microseconds
// ("2006-01-02T15:04:05.000000Z"); Detail is JSON text whose bytes are hashed.
type Record struct {
	Seq                                int64
	EventID                            int64
	At                                 string
	ActorKind, ActorID, ActorName      string
	Address, Action, ObjectKind, ObjID string
	Detail                             string
	Prev, Hash                         string
}

// Sum gives the hash a record must have: SHA-256 over its fields and the hash
// before, each preceded by its length in bytes, so that no two records share a text.
func (r Record) Sum(prev string) string {
	var b strings.Builder
	for _, f := range []string{strconv.FormatInt(r.Seq, 10), r.At, r.ActorKind, r.ActorID, r.ActorName, r.Address, r.Action, r.ObjectKind, r.ObjID, r.Detail, prev} {
		b.WriteString(strconv.Itoa(len(f)))
		b.WriteByte(':')
		b.WriteString(f)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// Checkpoint says what the chain's end was at some time.
type Checkpoint struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	At   string `json:"at"`
	// Links are the beginnings of the hashes of the records up to this one, so that
	// the first is named that was rewritten, and not only the next checkpoint.
	Links string `json:"links,omitempty"`
	MAC   string `json:"mac"`
}

// LinkSize is how many characters of a record's hash Links holds.
const LinkSize = 8

// Sign signs a checkpoint.
func (c Checkpoint) Sign(key []byte) Checkpoint {
	c.MAC = c.mac(key)
	return c
}

func (c Checkpoint) mac(key []byte) string {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "joinery audit checkpoint\n%d\n%s\n%s", c.Seq, c.Hash, c.At)
	if c.Links != "" {
		fmt.Fprintf(m, "\n%s", c.Links)
	}
	return hex.EncodeToString(m.Sum(nil))
}

// ReadCheckpoints reads a file of checkpoints, one JSON document a line. A line
// that was not signed with the key is an error. A last line that was cut short
// by a crash is left out.
func ReadCheckpoints(text []byte, key []byte) ([]Checkpoint, error) {
	var out []Checkpoint
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var c Checkpoint
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			if i == len(lines)-1 {
				continue
			}
			return nil, fmt.Errorf("line %d of the checkpoints is not readable: %w", i+1, err)
		}
		if !hmac.Equal([]byte(c.MAC), []byte(c.mac(key))) {
			return nil, fmt.Errorf("line %d of the checkpoints was not signed by this installation", i+1)
		}
		out = append(out, c)
	}
	return out, nil
}

// Report is the result of verifying a chain.
type Report struct {
	// Records is how many sealed records were looked at, Unsealed how many wait
	// to be sealed, Head the last hash.
	Records  int64
	Unsealed int64
	Head     string
	// Broken is the first record that is not as it was sealed; nil when all are.
	Broken *Broken
}

// Broken names one record and what is wrong with it.
type Broken struct {
	Seq    int64
	Event  int64
	Detail string
}

func (b Broken) Error() string {
	return fmt.Sprintf("audit record %d (event %d): %s", b.Seq, b.Event, b.Detail)
}

// Verifier verifies a chain record by record, in order.
type Verifier struct {
	report      Report
	checkpoints map[int64]string
	links       map[int64]string
	last        int64
}

// NewVerifier starts at the beginning of a chain.
func NewVerifier(checkpoints []Checkpoint) *Verifier {
	v := &Verifier{report: Report{Head: Genesis}, checkpoints: map[int64]string{}, links: map[int64]string{}}
	for _, c := range checkpoints {
		v.checkpoints[c.Seq] = c.Hash
		v.last = max(v.last, c.Seq)
		for n := len(c.Links) / LinkSize; n > 0; n-- {
			v.links[c.Seq-int64(n)+1] = c.Links[len(c.Links)-n*LinkSize:][:LinkSize]
		}
	}
	return v
}

// ErrBroken ends a stream early: the first broken record is found.
var ErrBroken = errors.New("the chain is broken")

// Add looks at the next record.
func (v *Verifier) Add(r Record) error {
	want := v.report.Records + 1
	switch {
	case r.Seq != want:
		return v.broken(want, 0, fmt.Sprintf("it is missing; the next one that is there is %d", r.Seq))
	case r.Prev != v.report.Head:
		return v.broken(r.Seq, r.EventID, "it does not link to the record before it")
	case r.Sum(r.Prev) != r.Hash:
		return v.broken(r.Seq, r.EventID, "its content is not what was sealed")
	}
	if l, ok := v.links[r.Seq]; ok && !strings.HasPrefix(r.Hash, l) {
		return v.broken(r.Seq, r.EventID, "the chain was rewritten from here on: a signed checkpoint has another hash")
	}
	if h, ok := v.checkpoints[r.Seq]; ok && h != r.Hash {
		return v.broken(r.Seq, r.EventID, "the chain was rewritten: a signed checkpoint has another hash")
	}
	v.report.Records, v.report.Head = r.Seq, r.Hash
	return nil
}

func (v *Verifier) broken(seq, event int64, detail string) error {
	v.report.Broken = &Broken{seq, event, detail}
	return ErrBroken
}

// End gives the report. A chain shorter than a signed checkpoint lost its end.
func (v *Verifier) End() Report {
	if v.report.Broken == nil && v.last > v.report.Records {
		v.report.Broken = &Broken{v.report.Records + 1, 0, fmt.Sprintf("it is missing; a signed checkpoint says there were %d records", v.last)}
	}
	return v.report
}
