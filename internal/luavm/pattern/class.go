package pattern

import "errors"

// classEnd is where the single-character class that begins at p ends.
func (m *Matcher) classEnd(p int) int {
	c := m.Pattern[p]
	p++
	switch c {
	case '%':
		if p >= len(m.Pattern) {
			m.fail(errors.New("malformed pattern (ends with '%')"))
		}
		return p + 1
	case '[':
		if p < len(m.Pattern) && m.Pattern[p] == '^' {
			p++
		}
		// The first character belongs to the set even if it is ].
		for first := true; first || p >= len(m.Pattern) || m.Pattern[p] != ']'; first = false {
			if p >= len(m.Pattern) {
				m.fail(errors.New("malformed pattern (missing ']')"))
			}
			escaped := m.Pattern[p] == '%'
			p++
			if escaped {
				if p >= len(m.Pattern) {
					m.fail(errors.New("malformed pattern (missing ']')"))
				}
				p++
			}
		}
		return p + 1
	}
	return p
}

// single says whether the class between p and end takes the subject's byte at s.
func (m *Matcher) single(s, p, end int) bool {
	if s >= len(m.Subject) {
		return false
	}
	c := m.Subject[s]
	switch m.Pattern[p] {
	case '.':
		return true
	case '%':
		return class(c, m.Pattern[p+1])
	case '[':
		return m.set(c, p, end-1)
	default:
		return m.Pattern[p] == c
	}
}

// set says whether the set that begins with [ at p, and whose ] is at last, takes c.
func (m *Matcher) set(c byte, p, last int) bool {
	takes := true
	p++
	if m.Pattern[p] == '^' {
		takes = false
		p++
	}
	for ; p < last; p++ {
		m.steps++
		switch {
		case m.Pattern[p] == '%':
			p++
			if class(c, m.Pattern[p]) {
				return takes
			}
		case p+2 < last && m.Pattern[p+1] == '-':
			if m.Pattern[p] <= c && c <= m.Pattern[p+2] {
				return takes
			}
			p += 2
		case m.Pattern[p] == c:
			return takes
		}
	}
	return !takes
}

// class says whether the class of a letter takes c, in the C locale.
func class(c, letter byte) bool {
	lower := letter | 0x20
	var in bool
	switch lower {
	case 'a':
		in = isAlpha(c)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = c >= '0' && c <= '9'
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !isAlpha(c) && (c < '0' || c > '9')
	case 's':
		in = c == ' ' || c >= 9 && c <= 13
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isAlpha(c) || c >= '0' && c <= '9'
	case 'x':
		in = c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case 'z':
		in = c == 0
	default:
		return letter == c
	}
	if !isAlpha(letter) {
		return letter == c
	}
	if letter >= 'A' && letter <= 'Z' {
		return !in
	}
	return in
}

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
