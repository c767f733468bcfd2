package naming

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Profile is a way to write names in plain Latin letters.
type Profile string

// The profiles. They differ in letters that languages write differently; Greek is
// by ELOT 743, and Cyrillic by ICAO Doc 9303 unless the profile has its own.
const (
	Plain     Profile = "plain"  // marks are dropped: ö→o, å→a, ø→o, ł→l
	German    Profile = "de"     // ä→ae, ö→oe, ü→ue, ß→ss
	Nordic    Profile = "nordic" // å→aa, ä and æ→ae, ö and ø→oe
	ICAO      Profile = "icao"   // as in passports: ä→ae, ö→oe, ü→ue, å→aa, ø→oe, ñ→n
	Ukrainian Profile = "uk"     // Cyrillic by the Cabinet's decree 55 of 2010
	Bulgarian Profile = "bg"     // Cyrillic by the Transliteration Act of 2009
)

// Profiles lists the profiles with what people call them.
func Profiles() []struct {
	Profile Profile
	Title   string
} {
	return []struct {
		Profile Profile
		Title   string
	}{
		{Plain, "plain: marks are dropped (ö→o, å→a, ł→l)"}, {German, "de: ä→ae, ö→oe, ü→ue, ß→ss"}, {Nordic, "nordic: å→aa, ä æ→ae, ö ø→oe"},
		{ICAO, "icao: as in passports (ICAO 9303)"}, {Ukrainian, "uk: Ukrainian, decree 55/2010"}, {Bulgarian, "bg: Bulgarian, Act of 2009"},
	}
}

// specials are Latin letters without a decomposition into a base letter and marks.
var specials = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ı': "i", 'ħ': "h", 'ŋ': "ng", 'ŧ': "t", 'ĸ': "k", 'ə': "e", 'ǝ': "e", 'ƒ': "f",
	'ɓ': "b", 'ɗ': "d", 'ɖ': "d", 'ƙ': "k", 'ƴ': "y", 'ɛ': "e", 'ɔ': "o", 'ɣ': "g", 'ʋ': "v", 'ŀ': "l", 'ꞌ': "", 'ƶ': "z", 'ǥ': "g", 'ɨ': "i", 'ʉ': "u", 'ɲ': "ny", 'ⱡ': "l", 'ɍ': "r",
}

// own are the letters that a profile writes its own way.
var own = map[Profile]map[rune]string{
	German: {'ä': "ae", 'ö': "oe", 'ü': "ue", 'ß': "ss"},
	Nordic: {'å': "aa", 'ä': "ae", 'æ': "ae", 'ö': "oe", 'ø': "oe", 'ǿ': "oe"},
	ICAO:   {'ä': "ae", 'ö': "oe", 'ü': "ue", 'å': "aa", 'ø': "oe", 'ñ': "n", 'ĳ': "ij"},
}

// Latin writes a text in plain Latin letters (ASCII). Letters without a Latin form
// are left out and listed.
func Latin(s string, p Profile) (out string, missing []rune) {
	s = norm.NFKC.String(s)
	rs := []rune(s)
	var b strings.Builder
	for i := 0; i < len(rs); i++ {
		text, used, ok := letter(rs, i, p)
		if !ok {
			missing = append(missing, rs[i])
			continue
		}
		b.WriteString(cased(text, rs, i, used))
		i += used - 1
	}
	return b.String(), missing
}

// letter writes the letter at i, and tells how many runes it took.
func letter(rs []rune, i int, p Profile) (text string, used int, ok bool) {
	r := rs[i]
	low := unicode.ToLower(r)
	if low < 0x80 {
		return string(low), 1, true
	}
	if t, ok := own[p][low]; ok {
		return t, 1, true
	}
	if t, ok := specials[low]; ok {
		return t, 1, true
	}
	switch {
	case unicode.Is(unicode.Cyrillic, r):
		t, ok := cyrillic(rs, i, p)
		return t, 1, ok
	case unicode.Is(unicode.Greek, r):
		return greek(rs, i)
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r):
		return "", 1, true
	case unicode.IsSpace(r):
		return " ", 1, true
	case unicode.Is(unicode.Pd, r):
		return "-", 1, true
	case strings.ContainsRune("’‘ʼʻʹʺʽ′´`‛＇", r), unicode.Is(unicode.Lm, r):
		return "'", 1, true
	}
	if base := []rune(norm.NFD.String(string(low)))[0]; base != low {
		if base < 0x80 {
			return string(base), 1, true
		}
		if t, ok := specials[base]; ok {
			return t, 1, true
		}
	}
	return "", 1, !unicode.IsLetter(r) && !unicode.IsNumber(r) // signs and pictures are just left out
}

// cased gives a text the case of what it stands for.
func cased(text string, rs []rune, i, used int) string {
	r := rs[i]
	if text == "" || !unicode.IsUpper(r) && !unicode.IsTitle(r) {
		return text
	}
	if next := i + used; next < len(rs) && unicode.IsUpper(rs[next]) {
		return strings.ToUpper(text)
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
