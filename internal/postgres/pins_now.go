package postgres

import (
	"context"

	"gorm.io/gorm"

	"joinery/internal/canon"
	"joinery/internal/review"
)

// PinsNow gives the releases that content would pin if it were released now, and
// the root hash over both.
func (db *DB) PinsNow(ctx context.Context, kind review.Kind, content []byte) (pins []review.Pin, root string, err error) {
	err = db.tx(ctx, func(tx *gorm.DB) error {
		pins, err = db.pins(tx, kind, content)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	hash, err := canon.Hash(content)
	if err != nil {
		return nil, "", err
	}
	_, root, err = review.BillOfMaterials(hash, pins)
	return pins, root, err
}
