package naming

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// passports is Cyrillic by ICAO Doc 9303 part 3, section 6 B.
var passports = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ё': "e", 'ж': "zh", 'з': "z", 'и': "i", 'і': "i", 'й': "i", 'к': "k", 'л': "l", 'м': "m", 'н': "n", 'о': "o", 'п': "p",
	'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch", 'ы': "y", 'ъ': "ie", 'ь': "", 'э': "e", 'ю': "iu", 'я': "ia", 'ѵ': "y",
	'ґ': "g", 'ў': "u", 'ѫ': "u", 'ѓ': "g", 'ђ': "d", 'ѕ': "dz", 'ј': "j", 'ќ': "k", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'џ': "dz", 'є': "ie", 'ї': "i", 'ѐ': "e", 'ѝ': "i",
}

var ukrainian = map[rune]string{'г': "h", 'ґ': "g", 'и': "y", 'щ': "shch", 'ь': ""}

// ukrainianFirst are letters that are written otherwise at the beginning of a word.
var ukrainianFirst = map[rune]string{'є': "ye", 'ї': "yi", 'й': "y", 'ю': "yu", 'я': "ya"}

var bulgarian = map[rune]string{'й': "y", 'х': "h", 'щ': "sht", 'ъ': "a", 'ь': "y", 'ю': "yu", 'я': "ya"}

func cyrillic(rs []rune, i int, p Profile) (string, bool) {
	r := unicode.ToLower(rs[i])
	switch p {
	case Ukrainian:
		if t, ok := ukrainianFirst[r]; ok && begins(rs, i) {
			return t, true
		}
		if r == 'г' && i > 0 && unicode.ToLower(rs[i-1]) == 'з' {
			return "gh", true
		}
		if t, ok := ukrainian[r]; ok {
			return t, true
		}
	case Bulgarian:
		if r == 'я' && i > 0 && unicode.ToLower(rs[i-1]) == 'и' && ends(rs, i) {
			return "a", true
		}
		if t, ok := bulgarian[r]; ok {
			return t, true
		}
	}
	t, ok := passports[r]
	return t, ok
}

func begins(rs []rune, i int) bool { return i == 0 || !unicode.IsLetter(rs[i-1]) }
func ends(rs []rune, i int) bool   { return i+1 >= len(rs) || !unicode.IsLetter(rs[i+1]) }

// elot is Greek by ELOT 743 (ISO 843, transcription), letter by letter.
var elot = map[rune]string{
	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m", 'ν': "n", 'ξ': "x", 'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s",
	'τ': "t", 'υ': "y", 'φ': "f", 'χ': "ch", 'ψ': "ps", 'ω': "o",
}

// bare gives a Greek letter without its marks, and whether it has a stress or a
// diaeresis.
func bare(r rune) (base rune, stress, apart bool) {
	for n, m := range []rune(norm.NFD.String(string(unicode.ToLower(r)))) {
		switch {
		case n == 0:
			base = m
		case m == 0x308:
			apart = true
		case m == 0x301 || m == 0x300 || m == 0x342:
			stress = true
		}
	}
	return base, stress, apart
}

// greek writes the letter at i, together with the next where the two are one sound.
func greek(rs []rune, i int) (text string, used int, ok bool) {
	at, stress, apart := bare(rs[i])
	var next rune
	nextApart := false
	if i+1 < len(rs) {
		next, _, nextApart = bare(rs[i+1])
	}
	switch {
	case at == 'γ' && next == 'γ':
		return "ng", 2, true
	case at == 'γ' && (next == 'ξ' || next == 'χ'):
		return "n", 1, true
	case at == 'μ' && next == 'π' && begins(rs, i):
		return "b", 2, true
	case strings.ContainsRune("αεη", at) && next == 'υ' && !stress && !apart && !nextApart:
		return elot[at] + upsilon(rs, i+2), 2, true
	case at == 'ο' && next == 'υ' && !stress && !apart && !nextApart:
		return "ou", 2, true
	}
	t, ok := elot[at]
	return t, 1, ok
}

// upsilon after α, ε, η is f before voiceless consonants and at the end, else v.
func upsilon(rs []rune, after int) string {
	if after >= len(rs) || !unicode.IsLetter(rs[after]) {
		return "f"
	}
	if base, _, _ := bare(rs[after]); strings.ContainsRune("θκξπσςτφχψ", base) {
		return "f"
	}
	return "v"
}
