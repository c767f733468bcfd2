// Package pattern matches Lua 5.1 patterns within a bound of steps and depth
// (Lua 5.1 Reference Manual, section 5.4.1; with %f, which 5.1 has without
// documenting it). It knows nothing of Lua's values.
package pattern

import (
	"errors"
	"strings"
)

const (
	// MaxLength bounds a pattern, in bytes.
	MaxLength = 512
	// MaxCaptures is Lua's own limit of captures in a pattern.
	MaxCaptures = 32
	maxDepth    = 200
)

// What is wrong with a pattern, or with matching it.
var (
	ErrTooComplex = errors.New("pattern too complex")
	ErrTooLong    = errors.New("pattern too long (512 bytes at most)")
)

// Capture is a part of the subject; a position capture "()" has Len -1 and
// its position in Start.
type Capture struct{ Start, Len int }

const (
	open     = -2
	position = -1
)

// Matcher matches one pattern against one subject. Charge is told of each
// unit of work and ends the match by an error.
type Matcher struct {
	Subject, Pattern string
	Charge           func(steps int) error

	captures []Capture
	depth    int
	steps    int
	err      error
}

// stop is how an error leaves the recursion.
type stop struct{ err error }

func (m *Matcher) fail(err error) { panic(stop{err}) }

// At matches the pattern from p in the pattern at s in the subject. It gives
// the end of the match, -1 for none. The pattern's leading ^ is the caller's.
func (m *Matcher) At(s, p int) (end int, captures []Capture, err error) {
	defer func() {
		if r := recover(); r != nil {
			st, ok := r.(stop)
			if !ok {
				panic(r)
			}
			end, captures, err = -1, nil, st.err
		}
	}()
	m.captures, m.depth = m.captures[:0], 0
	end = m.match(s, p)
	if m.Charge != nil && m.steps > 0 {
		if err := m.Charge(m.steps); err != nil {
			return -1, nil, err
		}
		m.steps = 0
	}
	for _, c := range m.captures {
		if end >= 0 && c.Len == open {
			return -1, nil, errors.New("unfinished capture")
		}
	}
	return end, m.captures, nil
}

func (m *Matcher) step() {
	m.steps++
	if m.steps >= 1024 && m.Charge != nil {
		n := m.steps
		m.steps = 0
		if err := m.Charge(n); err != nil {
			m.fail(err)
		}
	}
}

func (m *Matcher) match(s, p int) int {
	m.depth++
	if m.depth > maxDepth {
		m.fail(ErrTooComplex)
	}
	defer func() { m.depth-- }()
	for {
		m.step()
		if p == len(m.Pattern) {
			return s
		}
		switch m.Pattern[p] {
		case '(':
			if p+1 < len(m.Pattern) && m.Pattern[p+1] == ')' {
				return m.capture(s, p+2, position)
			}
			return m.capture(s, p+1, open)
		case ')':
			return m.close(s, p+1)
		case '$':
			if p+1 == len(m.Pattern) {
				if s == len(m.Subject) {
					return s
				}
				return -1
			}
		case '%':
			if p+1 < len(m.Pattern) {
				switch c := m.Pattern[p+1]; {
				case c == 'b':
					if s = m.balance(s, p+2); s < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					p += 2
					if p >= len(m.Pattern) || m.Pattern[p] != '[' {
						m.fail(errors.New("missing '[' after '%f' in pattern"))
					}
					end := m.classEnd(p)
					var before, here byte
					if s > 0 {
						before = m.Subject[s-1]
					}
					if s < len(m.Subject) {
						here = m.Subject[s]
					}
					if m.set(before, p, end-1) || !m.set(here, p, end-1) {
						return -1
					}
					p = end
					continue
				case c >= '0' && c <= '9':
					if s = m.back(s, c); s < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		end := m.classEnd(p)
		var suffix byte
		if end < len(m.Pattern) {
			suffix = m.Pattern[end]
		}
		switch suffix {
		case '?':
			if m.single(s, p, end) {
				if r := m.match(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.longest(s, p, end, 0)
		case '+':
			return m.longest(s, p, end, 1)
		case '-':
			return m.shortest(s, p, end)
		default:
			if !m.single(s, p, end) {
				return -1
			}
			s++
			p = end
		}
	}
}

func (m *Matcher) longest(s, p, end, least int) int {
	n := 0
	for m.single(s+n, p, end) {
		m.step()
		n++
	}
	for ; n >= least; n-- {
		if r := m.match(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *Matcher) shortest(s, p, end int) int {
	for {
		if r := m.match(s, end+1); r >= 0 {
			return r
		}
		if !m.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *Matcher) capture(s, p, what int) int {
	if len(m.captures) >= MaxCaptures {
		m.fail(errors.New("too many captures"))
	}
	m.captures = append(m.captures, Capture{s, what})
	r := m.match(s, p)
	if r < 0 {
		m.captures = m.captures[:len(m.captures)-1]
	}
	return r
}

func (m *Matcher) close(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		if m.captures[i].Len != open {
			continue
		}
		m.captures[i].Len = s - m.captures[i].Start
		r := m.match(s, p)
		if r < 0 {
			m.captures[i].Len = open
		}
		return r
	}
	m.fail(errors.New("invalid pattern capture"))
	return -1
}

func (m *Matcher) back(s int, c byte) int {
	i := int(c - '1')
	if i < 0 || i >= len(m.captures) || m.captures[i].Len == open {
		m.fail(errors.New("invalid capture index"))
	}
	if m.captures[i].Len == position {
		// C compares against a length that no subject has.
		return -1
	}
	text := m.Subject[m.captures[i].Start : m.captures[i].Start+m.captures[i].Len]
	m.steps += len(text) / 16
	if strings.HasPrefix(m.Subject[s:], text) {
		return s + len(text)
	}
	return -1
}

func (m *Matcher) balance(s, p int) int {
	if p+1 >= len(m.Pattern) {
		m.fail(errors.New("unbalanced pattern"))
	}
	from, to := m.Pattern[p], m.Pattern[p+1]
	if s >= len(m.Subject) || m.Subject[s] != from {
		return -1
	}
	depth := 1
	for i := s + 1; i < len(m.Subject); i++ {
		m.step()
		switch m.Subject[i] {
		case to:
			if depth--; depth == 0 {
				return i + 1
			}
		case from:
			depth++
		}
	}
	return -1
}
