package postgres_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/artifact"
	"joinery/internal/connector/all"
	"joinery/internal/fault"
	"joinery/internal/pgserver"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

// dump is all of a database as text, as a backup holds it.
func dump(t *testing.T, db *postgres.DB) []byte {
	t.Helper()
	var name string
	pgtest.Scan(t, db, &name, `SELECT current_database()`)
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	require.NoError(t, err)
	program := "pg_dump"
	if len(found) > 0 {
		program = found[len(found)-1]
	}
	out, err := exec.Command(program, "--inserts", "--dbname", pgtest.Server(t).URL(pgserver.Owner, name)).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "INSERT INTO public.users", "the backup holds the tables")
	return out
}

// A backup opens nothing: secrets are sealed, passwords, sessions, tokens and
// set-up links are hashes; a sealed value opens in its own row only.
func TestS57_S30_ABackupOpensNothing(t *testing.T) {
	t.Parallel()
	db, h, _, anna := trust(t)
	ctx := t.Context()
	for _, key := range []string{"one", "two"} {
		doc, err := artifact.Kinds{Connectors: all.New()}.Read(review.Connection, key, []byte(`{"key":"`+key+`","name":"C","type":"scim"}`))
		require.NoError(t, err)
		_, err = db.SaveRevision(ctx, anna.Actor(), postgres.Save{Doc: doc})
		require.NoError(t, err)
		_, err = db.SetCredential(ctx, anna.Actor(), postgres.NewCredential{Connection: key, Name: "token", Value: secret.New("canary-" + key + "-9d1e"), Owner: anna.Email, Purpose: "p", ExpiresAt: db.Now().AddDate(0, 1, 0)})
		require.NoError(t, err)
		_, err = db.Secret(ctx, key, "token")
		require.NoError(t, err)
	}
	session, err := db.SignIn(ctx, h, anna.Email, goodPassword, "10.0.0.1", "test")
	require.NoError(t, err)
	token, _, err := db.CreateToken(ctx, anna.Actor(), postgres.NewToken{Name: "t", Roles: anna.Roles, OwnerEmail: anna.Email, ExpiresAt: db.Now().Add(time.Hour)})
	require.NoError(t, err)
	link, err := db.NewSetupLink(ctx)
	require.NoError(t, err)
	backup := bytes.ToLower(dump(t, db))
	for name, value := range map[string]string{"credential": "canary-one-9d1e", "password": goodPassword, "session": session.Token, "token": token, "set-up link": link} {
		for _, form := range []string{value, hex.EncodeToString([]byte(value)), base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value))} {
			require.NotContains(t, string(backup), string(bytes.ToLower([]byte(form))), name)
		}
		if raw, err := base64.RawURLEncoding.DecodeString(value); err == nil && len(raw) >= 16 {
			require.NotContains(t, string(backup), hex.EncodeToString(raw), name)
		}
	}

	// With another master key nothing opens.
	var name string
	pgtest.Scan(t, db, &name, `SELECT current_database()`)
	wrong, err := secret.NewSealer(bytes.Repeat([]byte{9}, secret.KeySize))
	require.NoError(t, err)
	thief, err := postgres.Open(ctx, postgres.Config{URL: pgtest.Server(t).URL(pgserver.App, name), Sealer: wrong, Now: db.Now})
	require.NoError(t, err)
	t.Cleanup(thief.Close)
	_, err = thief.Secret(ctx, "one", "token")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.NotContains(t, err.Error(), "canary")

	// Nor does a value that was copied into another row, or changed.
	root := asSuperuser(t, db)
	for _, sql := range []string{`UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE connection = 'two') WHERE connection = 'one'`, `UPDATE credentials SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) WHERE connection = 'two'`} {
		_, err := root.Exec(ctx, sql)
		require.NoError(t, err)
	}
	fresh, err := postgres.Open(ctx, postgres.Config{URL: pgtest.Server(t).URL(pgserver.App, name), Sealer: pgtest.Sealer(t), Now: db.Now})
	require.NoError(t, err)
	t.Cleanup(fresh.Close)
	for _, key := range []string{"one", "two"} {
		v, err := fresh.Secret(ctx, key, "token")
		require.Error(t, err, key)
		require.True(t, v.Empty())
		_, err = fresh.WebhookSigners(ctx, key, "token")
		require.Error(t, err, key)
	}
}

// The server's role owns nothing and changes no schema; a program that is older
// than the schema does not start on it.
func TestS107_TwoRolesAndNewerSchemas(t *testing.T) {
	t.Parallel()
	app, owner := pgtest.URLs(t)
	ctx := t.Context()
	db, err := postgres.Open(ctx, postgres.Config{URL: app})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	for _, sql := range []string{`CREATE TABLE x (a int)`, `CREATE SCHEMA x`, `CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `ALTER TABLE users ADD COLUMN x int`, `DROP TABLE users`, `CREATE EXTENSION pgcrypto`, `CREATE ROLE x`, `ALTER ROLE joinery_app SUPERUSER`, `GRANT joinery_owner TO joinery_app`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true)`, `DELETE FROM goose_db_version`, `DROP FUNCTION wrote(text, text, integer, text)`, `ALTER SYSTEM SET log_statement = 'none'`, `COPY (SELECT 1) TO PROGRAM 'true'`, `SELECT pg_read_file('/etc/passwd')`, `CREATE VIEW x AS SELECT 1`, `CREATE INDEX x ON users (name)`, `CREATE TEMP TABLE revisions AS SELECT 1; DROP TABLE public.revisions`} {
		require.Error(t, db.RawExec(ctx, sql), sql)
	}
	var owned int
	pgtest.Scan(t, db, &owned, `SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'joinery_app'`)
	require.Zero(t, owned)
	var can bool
	pgtest.Scan(t, db, &can, `SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication FROM pg_roles WHERE rolname = current_user`)
	require.False(t, can)

	root, err := pgx.Connect(ctx, owner)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close(context.Background()) })
	_, err = root.Exec(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, postgres.NewestMigration()+1)
	require.NoError(t, err)
	err = postgres.Migrate(ctx, owner, false)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "newer Joinery")
}

// The server may sign in as joinery_app itself, with no way back to the owner, when
// the owner has migrated before: then not even SQL that gets in could undo a rule.
func TestS107_ServerSignsInWithoutTheOwner(t *testing.T) {
	t.Parallel()
	app, _ := pgtest.URLs(t)
	require.NoError(t, postgres.Migrate(t.Context(), app, false), "there is nothing to migrate")
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	var who, login string
	pgtest.Scan(t, db, &who, `SELECT current_user`)
	pgtest.Scan(t, db, &login, `SELECT session_user`)
	require.Equal(t, []string{"joinery_app", "joinery_app"}, []string{who, login})
	require.Error(t, db.RawExec(t.Context(), `SET ROLE joinery_owner`))
	_ = db.RawExec(t.Context(), `RESET ROLE`)
	require.Error(t, db.RawExec(t.Context(), `ALTER TABLE releases DISABLE TRIGGER ALL`))
}
