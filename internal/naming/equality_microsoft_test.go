package naming

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is published of how Microsoft's directory compares names, held against our rule. No such directory runs in these
// tests, so this list stands for it: each line is an answer that its makers, or people who asked a domain controller,
// wrote down. Where ours holds more names together than is told, that is said, because it does no harm.
func TestFolded_AsMicrosoftsDirectoryIsToldToAnswer(t *testing.T) {
	t.Parallel()
	const (
		maker    = "Microsoft, support article 938447: a name that differs by a diacritic mark only cannot be added"
		logon    = "Microsoft, support article 839515: a marked name signs in by its simple form"
		asked    = "serverfault 661857: asked of a Windows Server 2012 R2 domain controller"
		compared = "Samba's bug 14847: sAMAccountName and principal names compared on a Windows domain controller"
	)
	for _, c := range []struct {
		source, a, b string
		same         bool
	}{
		{maker, "Muller", "Müller", true}, {maker, "Meissner", "Meißner", true},
		{maker, "Ä", "ä", true}, {maker, "Ä", "A", true}, {maker, "Ö", "ö", true}, {maker, "Ö", "O", true}, {maker, "Ü", "ü", true}, {maker, "Ü", "U", true},
		{logon, "jésush", "jesush", true},
		{asked, "aaa", "ååå", true}, {asked, "ooo", "øøø", true}, {asked, "a", "æ", false}, {asked, "o", "æ", false}, {asked, "e", "æ", false},
		{compared, "björn", "bjorn", true}, {compared, "bjǫrṅ", "bjorn", true}, {compared, "b̨́̄̐j᪲ǫ̈́Ⓡn̨̈́", "bjorn", true}, {compared, "bjoern", "björn", false},
		{compared, "x＠example.com", "x@example.com", true}, {compared, "cifs/example.com", "cīfs/ëxamplē.cøm", true},
		{compared, `¯\_(ツ)_/¯`, `¯\_(つ)_/¯`, true}, {compared, `¯\_(ツ)_/¯`, `¯\_(㋡)_/¯`, true},
	} {
		require.Equal(t, c.same, Folded.Key(c.a) == Folded.Key(c.b), "%q and %q, by %s", c.a, c.b, c.source)
	}
}
