package review

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// BillOfMaterials gives the canonical text of pins and the root hash over the
// content hash and them: SHA-256(hash, line feed, pins). The database computes
// the same, so a release cannot name other pins than its root does.
func BillOfMaterials(hash string, pins []Pin) (text, root string, err error) {
	sorted := slices.Clone(pins)
	slices.SortFunc(sorted, func(a, b Pin) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	if sorted == nil {
		sorted = []Pin{}
	}
	raw, err := json.Marshal(sorted)
	if err != nil {
		return "", "", fmt.Errorf("write pins: %w", err)
	}
	sum := sha256.Sum256([]byte(hash + "\n" + string(raw)))
	return string(raw), hex.EncodeToString(sum[:]), nil
}
