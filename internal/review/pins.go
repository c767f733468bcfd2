package review

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"joinery/internal/fault"
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

// Prove judges a release before anything runs by it: its content is the one that
// was approved, its pins are those of its root, and somebody but its authors said
// yes (or it went live in an emergency, which is flagged). The database refuses
// anything else; this finds what was changed behind its back.
func (r Release) Prove(content []byte, approved, sealed bool) error {
	sum := sha256.Sum256(content)
	if hex.EncodeToString(sum[:]) != r.Hash {
		return r.tampered("its content is not the one that was approved")
	}
	_, root, err := BillOfMaterials(r.Hash, r.Pins)
	if err != nil {
		return err
	}
	if root != r.Root {
		return r.tampered("the parts it names are not those that were released with it")
	}
	if !approved && r.How != ByBreakGlass {
		return r.tampered("nobody but its authors approved it")
	}
	if !sealed {
		return r.tampered("this installation did not make it live")
	}
	return nil
}

func (r Release) tampered(why string) error {
	return fault.New(fault.Internal, "The release %s of the %s %s was changed in the database: %s. Nothing runs by it. Have an administrator look at the database, and release a good revision.", r.ID, r.Kind, r.Key, why)
}
