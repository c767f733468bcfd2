package author

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Marks knows values of people's records by their hashes, and finds them in a text
// however they are spaced, punctuated, accented or written large. It holds no value: fourteen
// bytes stand for each. Finding may go on side by side, adding may not.
type Marks struct {
	seed  uint64
	keys  []uint64 // of the words of a value; 0 is a free place
	about []mark   // beside each key
	used  int
	// held knows who else has a value already, so that reading a person again counts nothing.
	held map[uint64]struct{}
	// common are words of the organisation, such as those of its departments.
	common map[string]int
	kinds  []string
}

// mark is what is known of a value.
type mark struct {
	kind uint8 // in kinds
	// holders is how many people have it, up to manyHolders; begins says that longer
	// values begin with these words.
	holders uint8
	rule    rule
	begins  bool
	// first tells the first of the holders from others.
	first uint16
}

// rule says when a value that was found counts.
type rule uint8

const (
	always rule = iota + 1
	// aloneName is a word of a name: it counts where it is written like a name and is no
	// ordinary word.
	aloneName
	// fullName is a name of several words: of ordinary words only, it counts where all of
	// them are written like names.
	fullName
	// plainNumber is a short number: it counts beside a word such as worker or id.
	plainNumber
	// shared counts unless many people have it: a number, an address, a code.
	shared
	// single counts while one person has it: words that nothing else tells apart.
	single
)

// How many people make a value nobody's, and the bounds of what is looked for and told.
const (
	manyHolders = 5
	mostWords   = 12
	mostLeaks   = 20
)

const (
	personName = "a name of a person"
	birthDate  = "a birth date of a person, beside their name"
)

// NewMarks makes an empty set.
func NewMarks() *Marks {
	return &Marks{seed: newSeed(), held: map[uint64]struct{}{}, common: map[string]int{}}
}

// Len is how many values are known.
func (m *Marks) Len() int { return m.used }

// AddName keeps a name of a person: a word of it alone counts where it is written like a
// name and is no ordinary word.
func (m *Marks) AddName(value string) {
	words := wordsOf(value)
	if len(words) > 1 {
		m.put(personName, fullName, 0, words)
	}
	if len(words) == 2 {
		m.put(personName, fullName, 0, []word{words[1], words[0]})
		if joined := words[0].text + words[1].text; utf8.RuneCountInString(joined) >= 8 {
			m.put(personName, always, 0, []word{newWord(joined)})
		}
	}
	for _, w := range words {
		if utf8.RuneCountInString(w.text) >= 3 {
			m.put(personName, aloneName, 0, []word{w})
		}
	}
}

// AddValue keeps a value that tells of one person: an address, a number, a login. what
// says what it is. Short ones are left out: they would be found in ordinary words.
func (m *Marks) AddValue(what, value string) { m.add(what, value, always, 0) }

// add keeps a value under a rule; who has it is counted where the rule asks that.
func (m *Marks) add(what, value string, r rule, who uint64) {
	value = strings.TrimSpace(value)
	if utf8.RuneCountInString(value) < 5 {
		return
	}
	words := wordsOf(value)
	if len(words) == 1 && len(words[0].text) < 7 && allDigits(words[0].text) {
		r = plainNumber
	}
	m.put(what, r, who, words)
	// A long number is kept by its last digits too: it is grouped as anybody likes, and a
	// phone's is written with and without the country's.
	if d := digitsOf(value); len(d) >= 7 && len(d)*3 > len(value)*2 {
		m.put(what, r, who, []word{phoneWord(d)})
	}
}

// addAddress keeps a postal address, and the parts of it that have a number and a street.
func (m *Marks) addAddress(what, value string, who uint64) {
	m.add(what, value, shared, who)
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		words, letters, digits := wordsOf(part), 0, 0
		for _, w := range words {
			letters = max(letters, len(strings.Trim(w.text, "0123456789")))
			digits += digitsIn(w.text)
		}
		if len(words) > 1 && letters > 3 && digits > 0 {
			m.put(what, shared, who, words)
		}
	}
}

// addBirth keeps a birth date beside each word of a name: a date alone is met by chance.
func (m *Marks) addBirth(date string, names []string) {
	if date == "" {
		return
	}
	for _, name := range names {
		for _, w := range wordsOf(name) {
			m.put(birthDate, always, 0, []word{newWord(date + "*" + w.text)})
		}
	}
}

// addCommon keeps the words of the organisation: where many people have the same, its words
// are no names.
func (m *Marks) addCommon(value string, who uint64) {
	for _, w := range wordsOf(value) {
		if digitsIn(w.text) == 0 && m.common[w.text] < manyHolders && m.counts(w.hash^m.seed, who) {
			m.common[w.text]++
		}
	}
}

// ordinaryWord says whether a word alone tells of nobody although somebody is called so.
func (m *Marks) ordinaryWord(text string) bool {
	return everyday[text] || m.common[text] >= manyHolders
}

// counts says whether a person has a value that was not known of them.
func (m *Marks) counts(value, who uint64) bool {
	key := mixed(value, who)
	if _, there := m.held[key]; there {
		return false
	}
	m.held[key] = struct{}{}
	return true
}

// put keeps words.
func (m *Marks) put(what string, r rule, who uint64, words []word) {
	if len(words) == 0 {
		return
	}
	words = words[:min(len(words), mostWords)]
	if len(words) > 2 {
		m.at(m.hash(words[:2]), true).begins = true
	}
	key := m.hash(words)
	at := m.at(key, true)
	if at.rule == 0 || r < at.rule && r != aloneName {
		at.kind, at.rule = m.kind(what), r
	}
	switch {
	case r != shared && r != single, at.holders == manyHolders, at.holders > 0 && at.first == uint16(who):
	case at.holders == 0:
		at.holders, at.first = 1, uint16(who)
	case m.counts(key, who):
		at.holders++
	}
}

func (m *Marks) kind(what string) uint8 {
	for i, k := range m.kinds {
		if k == what {
			return uint8(i)
		}
	}
	m.kinds = append(m.kinds, what)
	return uint8(len(m.kinds) - 1)
}

// at is the place of a key; nil when it is not known and not to be made.
func (m *Marks) at(key uint64, make bool) *mark {
	if make && m.used*5 >= len(m.keys)*4 {
		m.grow()
	}
	if len(m.keys) == 0 {
		return nil
	}
	place, _ := bits.Mul64(key, uint64(len(m.keys)))
	for i := int(place); ; i++ {
		if i == len(m.keys) {
			i = 0
		}
		switch {
		case m.keys[i] == key:
			return &m.about[i]
		case m.keys[i] == 0 && !make:
			return nil
		case m.keys[i] == 0:
			m.keys[i] = key
			m.used++
			return &m.about[i]
		}
	}
}

// grow makes more room.
func (m *Marks) grow() {
	keys, about := m.keys, m.about
	size := max(1024, len(keys)*5/4)
	m.keys, m.about, m.used = make([]uint64, size), make([]mark, size), 0
	for i, k := range keys {
		if k != 0 {
			*m.at(k, true) = about[i]
		}
	}
}

func allDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}
