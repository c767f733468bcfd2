package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
	"joinery/internal/review"
)

// Everything that was ever live can be shown, with who wrote and who approved it,
// and taken out: its content has the hash that was approved.
func TestS46_EverythingThatWasLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	for _, k := range review.Kinds() {
		_, err := w.server.DB.Rollback(t.Context(), w.reWho, k, "c-"+string(k), 1, "the newer one is wrong")
		require.NoError(t, err)
		_, err = w.server.DB.BreakGlass(t.Context(), w.actor(t, "ada@example.com"), k, "c-"+string(k), 3, "it cannot wait until tomorrow")
		require.NoError(t, err)
	}
	seen := 0
	for _, k := range review.Kinds() {
		for _, door := range []string{"c-", "a-"} {
			key := door + string(k)
			rels, err := w.server.DB.Releases(t.Context(), k, key)
			require.NoError(t, err)
			require.NotEmpty(t, rels)
			history := w.ada.get(t, "/"+k.Plural()+"/"+key+"/revisions").body
			for _, r := range rels {
				seen++
				require.Contains(t, history, r.ID)
				require.Contains(t, history, r.Root[:12])
				at := fmt.Sprintf("%s/revisions/%d", key, r.Revision)
				page := w.ada.get(t, "/"+k.Plural()+"/"+at)
				require.Equal(t, http.StatusOK, page.status)
				require.Contains(t, page.body, r.Hash)
				require.Contains(t, page.body, "bo@example.com", "the author")
				if r.How != review.ByBreakGlass {
					require.Contains(t, page.body, "re@example.com", "who approved it")
				}
				var out apiRevision
				require.NoError(t, json.Unmarshal([]byte(w.ada.get(t, "/api/v1/"+k.Plural()+"/"+at).body), &out))
				sum := sha256.Sum256(out.Content)
				require.Equal(t, r.Hash, hex.EncodeToString(sum[:]), "what is taken out is what was approved")
				require.Equal(t, r.Hash, out.Hash)
				if r.Revision > 1 {
					require.Equal(t, http.StatusOK, w.ada.get(t, fmt.Sprintf("/%s/%s/diff?from=1&to=%d", k.Plural(), key, r.Revision)).status)
				}
			}
		}
	}
	require.GreaterOrEqual(t, seen, 24)
}

// Characters that cannot be seen are shown as their code points, and content with
// those that deceive cannot be submitted.
func TestS47_HiddenCharactersAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	for _, c := range []rune{0x202E, 0x2066, 0x200B, 0xFEFF, 0xE0041, 0x200D, 0x00AD} {
		key := fmt.Sprintf("hidden-%x", c)
		text := strings.ReplaceAll(w.text(review.Policy, key, 1), "{first}", "{first}"+string(c)+"x")
		_, n := w.save(review.Policy, text)
		shows := func(body string) {
			t.Helper()
			// As a code point, or escaped by the writer of YAML.
			escaped := fmt.Sprintf(`\u%04x`, c)
			if c > 0xFFFF {
				escaped = fmt.Sprintf(`\U%08x`, c)
			}
			require.True(t, strings.Contains(body, fmt.Sprintf("⟨U+%04X⟩", c)) || strings.Contains(strings.ToLower(body), strings.ToLower(escaped)), "%x", c)
			require.NotContains(t, body, string(c))
		}
		page := w.ada.get(t, fmt.Sprintf("/policies/%s/revisions/%d", key, n)).body
		shows(page)
		_, m := w.save(review.Policy, strings.ReplaceAll(text, "plain", "other"))
		shows(w.ada.get(t, fmt.Sprintf("/policies/%s/diff?from=1&to=%d", key, m)).body)
		r, err := w.server.DB.OpenReview(t.Context(), w.boWho, review.Policy, key, n, "")
		if c == 0x200D || c == 0x00AD {
			require.NoError(t, err, "a joiner of letters is part of some scripts")
			shows(w.re.get(t, "/reviews/"+r.ID).body)
			continue
		}
		require.True(t, fault.Is(err, fault.Invalid), "%x", c)
		require.Contains(t, fault.Problems(err)[0].Detail, fmt.Sprintf("U+%04X", c))
		_, err = w.server.DB.BreakGlass(t.Context(), w.actor(t, "ada@example.com"), review.Policy, key, n, "it cannot wait until tomorrow")
		require.Error(t, err)
	}
	require.Equal(t, "a⟨U+202E⟩b⟨U+200D⟩\n\tc", visible("a\u202eb\u200d\n\tc"), "in text of several lines nothing else escapes it")
}
