package author

import (
	"fmt"
	"slices"
	"strings"
)

// Find gives what of a text is a value that is known, the longest at each place, but for
// what is ordinary here. The time it takes grows with the text only.
func (m *Marks) Find(text string, ordinary func(found string) bool) []Leak {
	s := search{m: m, text: text, words: wordsOf(text), ordinary: ordinary, seen: map[string]bool{}}
	for i := 0; i < len(s.words); {
		i += max(1, s.from(i))
	}
	s.phones()
	s.births()
	return s.out
}

// search is one look through a text.
type search struct {
	m        *Marks
	text     string
	words    []word
	ordinary func(string) bool
	out      []Leak
	seen     map[string]bool
}

// from tells the longest value that begins at a word, and gives how many words it has.
func (s *search) from(i int) (longest int) {
	most := min(mostWords, len(s.words)-i)
	h := s.m.seed
	for n := 1; n <= most; n++ {
		h = mixed(h, s.words[i+n-1].hash)
		at := s.m.at(h|1, false)
		if at != nil && at.rule != 0 && s.counts(*at, i, n) {
			longest = n
		}
		if n == 2 && (at == nil || !at.begins) {
			break
		}
	}
	if longest > 0 {
		s.tell(s.m.kinds[s.m.at(s.m.hash(s.words[i:i+longest]), false).kind], s.word(i, longest))
	}
	return longest
}

func (s *search) word(i, n int) string { return s.text[s.words[i].from:s.words[i+n-1].to] }

func (s *search) tell(what, found string) {
	if !s.seen[found] && len(s.out) < mostLeaks {
		s.seen[found] = true
		s.out = append(s.out, Leak{What: what, Word: found})
	}
}

// counts says whether a value that stands in the text tells of a person there.
func (s *search) counts(at mark, i, n int) bool {
	words := s.words[i : i+n]
	plain := !slices.ContainsFunc(words, func(w word) bool { return !s.m.ordinaryWord(w.text) })
	capital := !slices.ContainsFunc(words, func(w word) bool { return !w.capital })
	switch {
	case n == 1 && plain: // also where somebody's login is such a word
		return false
	case at.rule == aloneName && !capital,
		at.rule == fullName && plain && !capital,
		at.rule == plainNumber && !s.told(i),
		at.rule == shared && at.holders >= manyHolders,
		at.rule == single && at.holders > 1:
		return false
	}
	return !s.ordinary(s.word(i, n))
}

// besideNumber are words that make a short number somebody's.
var besideNumber = []string{"worker", "employee", "id", "number", "no", "nr", "person", "personnel", "staff", "badge", "joiner", "user", "who", "emp", "mitarbeiter", "personalnummer"}

// told says whether one of those words stands within three words of a number.
func (s *search) told(i int) bool {
	return slices.ContainsFunc(s.words[max(0, i-3):min(len(s.words), i+4)], func(w word) bool { return slices.Contains(besideNumber, w.text) })
}

// phones looks for numbers however they are grouped: by their last digits.
func (s *search) phones() {
	for i := 0; i < len(s.words); i++ {
		digits := ""
		for n := 1; n <= mostWords && i+n <= len(s.words) && allDigits(s.words[i+n-1].text); n++ {
			if n > 1 && strings.Trim(s.text[s.words[i+n-2].to:s.words[i+n-1].from], " -/().\u00a0") != "" {
				break
			}
			if digits += s.words[i+n-1].text; len(digits) > 30 {
				break
			}
			if len(digits) < 7 {
				continue
			}
			at := s.m.at(s.m.hash([]word{phoneWord(digits)}), false)
			if at != nil && at.rule != 0 && (at.rule != shared || at.holders < manyHolders) {
				if found := s.word(i, n); !s.ordinary(found) {
					s.tell(s.m.kinds[at.kind], found)
				}
				i += n - 1 // a part of it is not another one
				break
			}
		}
	}
}

// nearBirth is how many words may stand between a birth date and the name it belongs to.
const nearBirth = 16

// births looks for birth dates that stand near a name of the same person, also one that
// is written small or is an ordinary word.
func (s *search) births() {
	for i := range s.words {
		all, n := datesOf(s.words[i:])
		for _, d := range all {
			for _, w := range s.words[max(0, i-nearBirth):min(len(s.words), i+3+nearBirth)] {
				at := s.m.at(s.m.hash([]word{newWord(d + "*" + w.text)}), false)
				if at != nil && at.rule != 0 && !s.ordinary(s.word(i, n)) {
					s.tell(s.m.kinds[at.kind], s.word(i, n))
				}
			}
		}
	}
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "januar", "februar", "marz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember"}

// datesOf gives the dates that the words at the beginning can mean, as 1990-02-03, and
// how many words they are.
func datesOf(words []word) ([]string, int) {
	if len(words) > 0 && len(words[0].text) == 8 && allDigits(words[0].text) {
		t := words[0].text
		return dates(t[:4], t[4:6], t[6:]), 1
	}
	if len(words) < 3 {
		return nil, 0
	}
	a, b, c := words[0].text, words[1].text, words[2].text
	switch {
	case len(a) == 4:
		return dates(a, b, c), 3
	case len(c) == 4:
		return append(dates(c, b, a), dates(c, a, b)...), 3
	}
	return nil, 0
}

func dates(year, month, day string) []string {
	number := func(text string, most int) int {
		n := 0
		if len(text) > 4 || !allDigits(text) || text == "" {
			return 0
		}
		for _, r := range text {
			n = n*10 + int(r-'0')
		}
		if n > most {
			return 0
		}
		return n
	}
	y, m, d := number(year, 2200), number(month, 12), number(strings.TrimRight(day, "sthndr"), 31)
	for at, name := range months {
		if month == name || len(month) >= 3 && at < 12 && strings.HasPrefix(month, name) {
			m = at%12 + 1
		}
	}
	if y < 1900 || m == 0 || d == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%04d-%02d-%02d", y, m, d)}
}
