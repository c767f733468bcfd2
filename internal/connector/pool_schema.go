package connector

import (
	"context"

	"joinery/internal/fault"
)

// Schema reads which attributes the accounts of an approved connection may have.
// fault.NotFound when its kind of system tells nothing about them.
func (p *Pool) Schema(ctx context.Context, s Settings, hash string) ([]SchemaAttribute, error) {
	conn, back, err := p.Use(ctx, s, hash)
	if err != nil {
		return nil, err
	}
	defer back()
	r, ok := conn.(SchemaReader)
	if !ok {
		return nil, fault.New(fault.NotFound, "The connection %s does not tell which attributes it has.", s.Key)
	}
	return r.Schema(ctx)
}
