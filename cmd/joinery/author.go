package main

import (
	"joinery/internal/author"
	"joinery/internal/luavm"
	"joinery/internal/node"
	"joinery/internal/postgres"
)

// author makes the function author of this process.
func (h *house) writer(owner string) *author.Author {
	return author.New(author.Parts{Store: h.db, Settings: h.db, Runtime: h.functions, Filter: h.db, Outbound: h.guard, Now: h.db.Now, Log: h.cfg.Log, Owner: owner,
		World: postgres.World{DB: h.db, Text: luavm.LibraryText(), Specs: node.All().Specs()}})
}
