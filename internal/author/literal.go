package author

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"joinery/internal/function"
)

// piece is a text or a comment of Lua source.
type piece struct {
	line     int
	text     string
	comment  bool
	from, to int // in the source
}

var (
	mailForm    = regexp.MustCompile(`[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}`)
	phoneForm   = regexp.MustCompile(`(\+|\b0)[0-9][0-9 ()/.-]{6,}[0-9]`)
	digitsForm  = regexp.MustCompile(`[0-9]{9,}`)
	secretForm  = regexp.MustCompile(`-----BEGIN [A-Z ]+-----|\b(sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|(?i)\b(password|passwd|secret|api[-_]?key|token)\s*[:=]\s*\S{4,}`)
	tokenForm   = regexp.MustCompile(`[A-Za-z0-9+/_-]{20,}={0,2}`)
	uuidForm    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	addressForm = regexp.MustCompile(`(?i)\b(reviewers?|approvers?)\b[ ,:]|\b(please|you (can|may|should)|safe to|just) (approve|merge|skip|ignore)|\b(already|pre-?) ?(reviewed|approved)\b|\bapproved? (this|by)\b|\b(ignore|disregard|forget) (all|any|the|your|previous|prior|earlier|above)\b|\bno (need|reason) to (review|check|test|read)|\bdo not (review|flag|reject|report)\b|\b(system prompt|language model|ai assistant)\b`)
)

// reserved are domains that belong to nobody (RFC 2606 and RFC 6761).
var reserved = regexp.MustCompile(`(?i)@(.+\.)?(example|test|invalid|localhost|example\.(com|net|org))$`)

// literalGaps finds texts that look like a secret or a real person, also in pieces and in
// encodings, what a reader would not see, and comments that speak to whoever reviews. In
// test data only addresses and secrets are looked for: made-up names and numbers belong
// there.
func literalGaps(c function.Content) []Gap {
	out := hiddenGaps(c)
	all := pieces(c.Source)
	for _, p := range append(all, joined(c.Source, all)...) {
		where := "A text"
		if p.comment {
			where = "A comment"
		}
		if says := suspicious(p.text, true); says != "" {
			out = append(out, Gap{Gate: GateLiterals, Line: p.line, Says: where + " " + says})
		}
		if addressForm.MatchString(visibleOnly(p.text)) {
			out = append(out, Gap{Gate: GateLiterals, Line: p.line, Says: where + " speaks to whoever reviews or to a model. Code says what it does, and nothing about its review."})
		}
		if hidden := decoded(p.text); len(hidden) > 0 {
			out = append(out, Gap{Gate: GateLiterals, Line: p.line, Says: where + " holds another text in an encoding (" + clipped(visibleOnly(hidden[0]), 60) + "). Write it as it is read."})
		}
	}
	for _, text := range numbered(c.Source) {
		out = append(out, Gap{Gate: GateLiterals, Says: "A list of numbers spells a text (" + clipped(text, 60) + "). Write it as it is read."})
	}
	for _, k := range c.Cases {
		raw, err := json.Marshal(k)
		if err != nil {
			continue
		}
		if says := suspicious(string(raw), false); says != "" {
			out = append(out, Gap{Gate: GateLiterals, Says: "The test \"" + k.Name + "\" " + says})
		}
	}
	return out
}

// joined are the texts that are put together of several: with .. between them, or one after
// another in a list.
func joined(source string, all []piece) []piece {
	var out []piece
	for _, between := range []string{"..", ","} {
		for i := 0; i < len(all); i++ {
			whole, mail := all[i], mailForm.MatchString(all[i].text)
			n := i
			for ; n+1 < len(all) && !all[n].comment && !all[n+1].comment && strings.TrimSpace(source[all[n].to:all[n+1].from]) == between; n++ {
				whole.text += all[n+1].text
				mail = mail || mailForm.MatchString(all[n+1].text)
			}
			// A list of ordinary words is letters by chance when it is put together, so only what
			// has the form of a secret or an address counts there.
			if n > i && (between == ".." || secretForm.MatchString(whole.text) || !mail && mailForm.MatchString(whole.text)) {
				out = append(out, whole)
			}
			i = n
		}
	}
	return out
}

// suspicious says what a text looks like that does not belong into code; "" for nothing.
func suspicious(text string, numbers bool) string {
	for _, m := range mailForm.FindAllString(text, -1) {
		if !reserved.MatchString(m) {
			return "holds the mail address " + clipped(m, 80) + ". Use made-up ones, such as anna@example.com, or take it from the input."
		}
	}
	if secretForm.MatchString(text) || secretForm.MatchString(backwards(text)) {
		return "looks like a secret. Secrets are kept under Credentials, and functions have none."
	}
	for _, t := range tokenForm.FindAllString(text, -1) {
		if random(t) {
			return "looks like a secret: letters and digits by chance. Secrets are kept under Credentials, and functions have none."
		}
	}
	if !numbers {
		return ""
	}
	if m := phoneForm.FindString(text); m != "" && digitsIn(m) >= 8 {
		return "holds what looks like a phone number. Take it from the input."
	}
	if slices.ContainsFunc(digitsForm.FindAllString(text, -1), func(m string) bool { return !ordered(m) }) {
		return "holds a long number, which could be a person's. Take it from the input."
	}
	return ""
}

func digitsIn(s string) (n int) {
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// random says whether a word is letters and digits by chance: all kinds of them, no
// order, and as much surprise as a key has.
func random(word string) bool {
	if uuidForm.MatchString(word) || ordered(word) {
		return false
	}
	var lower, upper, digit int
	count := map[rune]int{}
	for _, r := range word {
		count[r]++
		switch {
		case unicode.IsDigit(r):
			digit++
		case unicode.IsLower(r):
			lower++
		case unicode.IsUpper(r):
			upper++
		}
	}
	n := float64(len(word))
	bits := 0.0
	for _, c := range count {
		p := float64(c) / n
		bits -= p * math.Log2(p)
	}
	hex := len(word) >= 32 && digit > 4 && strings.Trim(strings.ToLower(word), "0123456789abcdef") == ""
	return hex && bits > 3 || digit > 1 && lower > 1 && upper > 1 && bits > 3.8
}

// ordered says whether most characters follow the one before them, as in an alphabet.
func ordered(word string) bool {
	steps, last := 0, rune(0)
	for _, r := range word {
		if r == last+1 || r == last {
			steps++
		}
		last = r
	}
	return steps > len(word)/2
}

func clipped(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// pieces finds the texts and comments of Lua source. Source that cannot be read gives
// what was found before.
func pieces(source string) []piece {
	var out []piece
	line := 1
	for i := 0; i < len(source); {
		switch {
		case source[i] == '\n':
			line++
			i++
		case strings.HasPrefix(source[i:], "--"):
			text, n, long := bracketed(source[i+2:])
			if !long {
				text, _, _ = strings.Cut(source[i+2:], "\n")
				n = len(text)
			}
			out = append(out, piece{line: line, text: text, comment: true, from: i, to: i + 2 + n})
			line += strings.Count(text, "\n")
			i += 2 + n
		case source[i] == '"' || source[i] == '\'':
			text, n := quoted(source[i:])
			out = append(out, piece{line: line, text: text, from: i, to: i + n})
			line += strings.Count(source[i:i+n], "\n")
			i += n
		case source[i] == '[':
			text, n, long := bracketed(source[i:])
			if !long {
				i++
				continue
			}
			out = append(out, piece{line: line, text: text, from: i, to: i + n})
			line += strings.Count(text, "\n")
			i += n
		case source[i] >= '0' && source[i] <= '9':
			n := 1
			for i+n < len(source) && (source[i+n] >= '0' && source[i+n] <= '9') {
				n++
			}
			out = append(out, piece{line: line, text: source[i : i+n], from: i, to: i + n})
			i += n
		default:
			i++
		}
	}
	return out
}

// quoted reads a text in quotes, its escapes as they stand for letters.
func quoted(s string) (text string, n int) {
	var b strings.Builder
	for n = 1; n < len(s) && s[n] != s[0]; n++ {
		if s[n] == '\\' && n+1 < len(s) {
			n++
			if d := s[n]; d >= '0' && d <= '9' {
				v, w := 0, 0
				for w < 3 && n+w < len(s) && s[n+w] >= '0' && s[n+w] <= '9' {
					v, w = v*10+int(s[n+w]-'0'), w+1
				}
				b.WriteByte(byte(v))
				n += w - 1
				continue
			}
		}
		b.WriteByte(s[n])
	}
	return b.String(), min(n+1, len(s))
}

// bracketed reads a long text: [[…]] or [==[…]==].
func bracketed(s string) (text string, n int, ok bool) {
	if s == "" || s[0] != '[' {
		return "", 0, false
	}
	level := 0
	for 1+level < len(s) && s[1+level] == '=' {
		level++
	}
	if 1+level >= len(s) || s[1+level] != '[' {
		return "", 0, false
	}
	text, _, found := strings.Cut(s[2+level:], "]"+strings.Repeat("=", level)+"]")
	if !found {
		return text, len(s), true
	}
	return text, 2*(2+level) + len(text), true
}
