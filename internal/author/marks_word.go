package author

import (
	"math/bits"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is one word of a text: letters, or digits, folded. B-77120 and b77120 are the same
// two words.
type word struct {
	text     string // small, without accents and what cannot be seen
	hash     uint64
	from, to int
	capital  bool
}

func newWord(text string) word { return word{text: text, hash: hashOf(text)} }

// wordsOf gives the words of a text. What cannot be seen stands in no word's way.
func wordsOf(text string) []word {
	var out []word
	from, to, capital, digits := -1, 0, false, false
	end := func() {
		if from >= 0 {
			w := newWord(folded(text[from:to]))
			w.from, w.to, w.capital = from, to, capital
			if w.text != "" {
				out = append(out, w)
			}
		}
		from = -1
	}
	for i, r := range text {
		switch {
		case unspaced(r): // each is a word: nothing stands between the words of these scripts
			end()
			from, to, capital = i, i+utf8.RuneLen(r), true
			end()
		case unicode.IsLetter(r) || unicode.IsDigit(r) || from >= 0 && unicode.IsMark(r):
			if from >= 0 && !unicode.IsMark(r) && unicode.IsDigit(r) != digits {
				end()
			}
			if from < 0 {
				from, capital, digits = i, unicode.IsUpper(r) || unicode.IsLetter(r) && !unicode.IsLower(r), unicode.IsDigit(r)
			}
			to = i + utf8.RuneLen(r)
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r): // inside of a word it is passed over
		case (r == '\'' || r == '’') && from >= 0 && beforeLetter(text[i+utf8.RuneLen(r):]): // O'Brien
		default:
			end()
		}
	}
	end()
	return out
}

func unspaced(r rune) bool {
	return r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

func beforeLetter(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsLetter(r)
}

// folded is a word as it is compared: small, compatibility forms plain, no accents.
func folded(s string) string {
	plain := true
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || s[i] == '\'' {
			plain = false
			break
		}
	}
	if plain {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsMark(r) && r < 0x900, unicode.Is(unicode.Cf, r), r == '\'', r == '’', unicode.Is(unicode.Variation_Selector, r):
			return -1
		case r == 'ł' || r == 'Ł':
			return 'l'
		case r == 'ø' || r == 'Ø':
			return 'o'
		case r == 'đ' || r == 'Đ':
			return 'd'
		case r == 'ı':
			return 'i'
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}

// newSeed makes the hashes of each set its own.
func newSeed() uint64 { return rand.Uint64() | 1 }

// hashOf is FNV-1a, stirred.
func hashOf(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mixed(h, uint64(len(s)))
}

func mixed(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1342543de82ef95)
	h := hi ^ lo
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>29
}

// hash names words in their order; never 0.
func (m *Marks) hash(words []word) uint64 {
	h := m.seed
	for _, w := range words {
		h = mixed(h, w.hash)
	}
	return h | 1
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// phoneWord stands for a number by its last digits.
func phoneWord(digits string) word { return newWord("phone*" + digits[max(0, len(digits)-8):]) }
