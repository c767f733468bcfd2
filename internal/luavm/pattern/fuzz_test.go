package pattern

import (
	"errors"
	"testing"
)

// FuzzAt matches any pattern against any subject: it ends within its bound, and what
// it captures lies in the subject.
func FuzzAt_S53(f *testing.F) {
	for _, s := range [][2]string{{"a", "a"}, {"aaaa", "a-a-a-b$"}, {"(())", "%b()"}, {"THE (quick) fox", "%f[%a]%a+"}, {"x", "["}, {"x", "[]]"}, {"x", "%"}, {"xx", "(x)%1"}, {"", "()"},
		{"abc", "[^%s-z]*"}, {"x", "((((((((((((((((((((((((((((((((("}, {"x", "%b"}, {"x", "%f"}, {"\x00\xff", "[\x00-\xff]"}, {"x", "x)"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, subject, pattern string) {
		left := 20_000
		spent := errors.New("spent")
		m := &Matcher{Subject: subject, Pattern: pattern, Charge: func(n int) error {
			if left -= n; left < 0 {
				return spent
			}
			return nil
		}}
		end, captures, err := m.At(0, 0)
		if err != nil || end < 0 {
			return
		}
		if end > len(subject) || len(captures) > MaxCaptures {
			t.Fatalf("ended at %d with %d captures", end, len(captures))
		}
		for _, c := range captures {
			if c.Start < 0 || c.Start > len(subject) || c.Len != position && (c.Len < 0 || c.Start+c.Len > len(subject)) {
				t.Fatalf("captured %+v of %d bytes", c, len(subject))
			}
		}
	})
}
