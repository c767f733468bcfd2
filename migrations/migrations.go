// Package migrations embeds the append-only SQL that builds the database.
package migrations

import "embed"

// Files are the goose migrations, in order by number.
//
//go:embed *.sql
var Files embed.FS
