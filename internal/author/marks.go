package author

import (
	"hash/maphash"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Marks knows values of people's records by their hashes, and finds them in a text
// however they are spaced, punctuated or written large. Not for concurrent use.
type Marks struct {
	seed  maphash.Seed
	known map[uint64]uint8 // of the words of a value → what it is
	kinds []string
	most  int // words of the longest value
}

// mostWords bounds how many words of a value are looked for, mostLeaks how many are told.
const (
	mostWords = 8
	mostLeaks = 20
)

// personName is what a name is; alone it counts only where it is written like one.
const personName = "a name of a person"

// NewMarks makes an empty set.
func NewMarks() *Marks { return &Marks{seed: maphash.MakeSeed(), known: map[uint64]uint8{}} }

// Len is how many values are known.
func (m *Marks) Len() int { return len(m.known) }

// AddName keeps a name of a person: a word of it alone counts where it is written like a
// name and is no ordinary word.
func (m *Marks) AddName(value string) {
	words := wordsOf(value)
	m.put(personName, words)
	if len(words) == 2 {
		m.put(personName, []word{words[1], words[0]})
	}
	for _, w := range words {
		if utf8.RuneCountInString(w.text) >= 3 {
			m.put(personName, []word{w})
		}
	}
}

// AddValue keeps a value that tells of one person: an address, a number, a login. what
// says what it is. Short ones are left out: they would be found in ordinary words.
func (m *Marks) AddValue(what, value string) {
	words := wordsOf(value)
	if utf8.RuneCountInString(strings.TrimSpace(value)) < 5 {
		return
	}
	m.put(what, words)
	if digits := onlyDigits(value); len(digits) >= 7 && !strings.Contains(digits, "x") {
		m.put(what, []word{{text: digits}})
	}
}

func (m *Marks) put(what string, words []word) {
	if len(words) == 0 {
		return
	}
	words = words[:min(len(words), mostWords)]
	m.most = max(m.most, len(words))
	at := -1
	for i, k := range m.kinds {
		if k == what {
			at = i
		}
	}
	if at < 0 {
		at = len(m.kinds)
		m.kinds = append(m.kinds, what)
	}
	if _, there := m.known[m.hash(words)]; !there {
		m.known[m.hash(words)] = uint8(at)
	}
}

// Find gives what of a text is a value that is known, the longest at each place, but for
// what is ordinary here.
func (m *Marks) Find(text string, ordinary func(found string) bool) []Leak {
	words := wordsOf(text)
	var out []Leak
	seen := map[string]bool{}
	for i := 0; i < len(words); i++ {
		for n := min(m.most, len(words)-i); n > 0; n-- {
			kind, ok := m.known[m.hash(words[i:i+n])]
			found := text[words[i].from:words[i+n-1].to]
			if !ok || ordinary(found) || n == 1 && m.kinds[kind] == personName && !words[i].capital {
				continue
			}
			if !seen[found] && len(out) < mostLeaks {
				seen[found] = true
				out = append(out, Leak{What: m.kinds[kind], Word: found})
			}
			i += n - 1
			break
		}
	}
	return out
}

func (m *Marks) hash(words []word) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	for _, w := range words {
		_, _ = h.WriteString(w.text)
		_ = h.WriteByte(' ')
	}
	return h.Sum64()
}

type word struct {
	text     string // in lower case
	from, to int
	capital  bool
}

// wordsOf gives the words of a text: letters and digits together.
func wordsOf(text string) []word {
	var out []word
	from := -1
	end := func(to int) {
		if from >= 0 {
			first, _ := utf8.DecodeRuneInString(text[from:])
			out = append(out, word{strings.ToLower(text[from:to]), from, to, unicode.IsUpper(first)})
		}
		from = -1
	}
	for i, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			if from < 0 {
				from = i
			}
			continue
		}
		end(i)
	}
	end(len(text))
	return out
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			return r
		case strings.ContainsRune(" +-/().", r):
			return -1
		}
		return 'x'
	}, s)
}
