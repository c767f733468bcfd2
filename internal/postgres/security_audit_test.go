package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"joinery/internal/audit"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// The role the server runs as can add to the log by its function and by nothing else.
func TestS86_ServerCannotTouchTheLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, db.SaveSetting(t.Context(), anna, "k", 1))
	_, err := db.SealAudit(t.Context())
	require.NoError(t, err)
	for table, column := range map[string]string{"audit_events": "action", "audit_chain": "hash", "audit_unsealed": "event_id"} {
		_ = db.RawExec(t.Context(), `GRANT ALL ON `+table+` TO joinery_app`) // warns and gives nothing
		for _, sql := range []string{"UPDATE %t SET %c = %c", "DELETE FROM %t", "TRUNCATE %t", "TRUNCATE %t CASCADE", "DROP TABLE %t", "ALTER TABLE %t DISABLE TRIGGER ALL", "ALTER TABLE %t ADD COLUMN x int", "ALTER TABLE %t OWNER TO joinery_app", "INSERT INTO %t DEFAULT VALUES",
			"LOCK TABLE %t IN EXCLUSIVE MODE", "CREATE TRIGGER x BEFORE INSERT ON %t FOR EACH ROW EXECUTE FUNCTION refuse_change()", "CREATE RULE r AS ON INSERT TO %t DO INSTEAD NOTHING", "CREATE INDEX x ON %t ((1))", "COPY %t FROM '/dev/null'"} {
			q := strings.NewReplacer("%t", table, "%c", column).Replace(sql)
			require.Error(t, db.RawExec(t.Context(), q), q)
		}
	}
	for _, sql := range []string{`SET session_replication_role = replica`, `SET ROLE joinery_owner`, `CREATE OR REPLACE FUNCTION audit_seal(max integer) RETURNS integer LANGUAGE sql AS 'SELECT 0'`, `DROP FUNCTION audit_append(text[], text[], text[], text[], text[], text[], text[], text[])`,
		`ALTER FUNCTION audit_seal(integer) OWNER TO joinery_app`, `INSERT INTO audit_chain (seq, event_id, prev, hash) VALUES (2, 1, 'x', 'y')`, `INSERT INTO audit_events (actor_kind, actor_id, actor_name, address, action, object_kind, object_id, detail) VALUES ('', '', '', '', '', '', '', '')`} {
		require.Error(t, db.RawExec(t.Context(), sql), sql)
	}
	r, err := db.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	require.Nil(t, r.Broken)
	require.EqualValues(t, 1, r.Records)
}

// Whatever a superuser does to the log, verifying it with the checkpoints that were
// kept outside names the first position that is not as it was.
func TestS87_SuperuserIsFoundOut(t *testing.T) {
	t.Parallel()
	reseal := `INSERT INTO audit_waiting SELECT event_id, ARRAY[event_id] FROM audit_chain WHERE seq >= %[1]d; DELETE FROM audit_chain WHERE seq >= %[1]d; SELECT audit_seal(1000)`
	for name, c := range map[string]struct {
		sql  string
		seq  int64
		says string
	}{
		"a field":                      {`UPDATE audit_events SET action = 'nothing' WHERE id = 7`, 7, "not what was sealed"},
		"the time":                     {`UPDATE audit_events SET at = at + interval '1 microsecond' WHERE id = 9`, 9, "not what was sealed"},
		"a field and its hash":         {`UPDATE audit_events SET action = 'nothing' WHERE id = 7; UPDATE audit_chain SET hash = repeat('a', 64) WHERE seq = 7`, 7, "not what was sealed"},
		"an event":                     {`DELETE FROM audit_events WHERE id = 11`, 11, "not what was sealed"},
		"a link":                       {`DELETE FROM audit_chain WHERE seq = 12`, 12, "missing"},
		"the first":                    {`DELETE FROM audit_chain WHERE seq = 1`, 1, "missing"},
		"a link, renumbered":           {`DELETE FROM audit_chain WHERE seq = 12; UPDATE audit_chain SET seq = seq - 1000 WHERE seq > 12; UPDATE audit_chain SET seq = seq + 999 WHERE seq < 0`, 12, "does not link"},
		"two in another order":         {`UPDATE audit_chain SET event_id = -event_id WHERE seq IN (5, 6); UPDATE audit_chain SET event_id = CASE seq WHEN 5 THEN 6 ELSE 5 END WHERE seq IN (5, 6)`, 5, "not what was sealed"},
		"two links in another order":   {`UPDATE audit_chain SET seq = -seq WHERE seq IN (5, 6); UPDATE audit_chain SET seq = CASE seq WHEN -5 THEN 6 ELSE 5 END WHERE seq < 0`, 5, "does not link"},
		"one put in between":           {`UPDATE audit_chain SET seq = seq + 1000 WHERE seq > 8; UPDATE audit_chain SET seq = seq - 999 WHERE seq > 1000; INSERT INTO audit_events OVERRIDING SYSTEM VALUE SELECT 5000, at, actor_kind, actor_id, actor_name, address, 'forged', object_kind, object_id, detail FROM audit_events WHERE id = 8; INSERT INTO audit_chain SELECT 9, 5000, hash, repeat('b', 64) FROM audit_chain WHERE seq = 8`, 9, "not what was sealed"},
		"one put in beside":            {`INSERT INTO audit_events OVERRIDING SYSTEM VALUE SELECT 5000, at, actor_kind, actor_id, actor_name, address, 'forged', object_kind, object_id, detail FROM audit_events WHERE id = 8`, 21, "put there by hand"},
		"the end is gone":              {`DELETE FROM audit_chain WHERE seq > 15; DELETE FROM audit_events WHERE id > 15`, 16, "checkpoint"},
		"all is gone":                  {`DELETE FROM audit_chain; DELETE FROM audit_events`, 1, "checkpoint"},
		"rewritten from a record on":   {`UPDATE audit_events SET action = 'nothing' WHERE id = 7; ` + fmt.Sprintf(reseal, 7), 7, "rewritten"},
		"rewritten as a whole":         {`UPDATE audit_events SET action = 'nothing' WHERE id = 1; ` + fmt.Sprintf(reseal, 1), 1, "rewritten"},
		"the last rewritten":           {`UPDATE audit_events SET action = 'nothing' WHERE id = 20; ` + fmt.Sprintf(reseal, 20), 20, "rewritten"},
		"one taken out, all rewritten": {`INSERT INTO audit_waiting SELECT event_id, ARRAY[event_id] FROM audit_chain WHERE seq > 3; DELETE FROM audit_chain WHERE seq >= 3; DELETE FROM audit_events WHERE id = 3; SELECT audit_seal(1000)`, 3, "rewritten"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			var kept []audit.Checkpoint
			for i := range 20 {
				require.NoError(t, db.SaveSetting(t.Context(), anna, fmt.Sprint("k", i), i))
				_, err := db.SealAudit(t.Context())
				require.NoError(t, err)
				if (i+1)%5 == 0 {
					more, err := db.AuditCheckpoints(t.Context(), int64(i-4))
					require.NoError(t, err)
					require.Len(t, more, 1)
					kept = append(kept, more...)
				}
			}
			r, err := db.VerifyAudit(t.Context(), kept)
			require.NoError(t, err)
			require.Nil(t, r.Broken)
			root := asSuperuser(t, db)
			for sql := range strings.SplitSeq(c.sql, ";") {
				_, err := root.Exec(t.Context(), sql)
				require.NoError(t, err, sql)
			}
			r, err = db.VerifyAudit(t.Context(), kept)
			require.NoError(t, err)
			require.NotNil(t, r.Broken)
			require.Equal(t, c.seq, r.Broken.Seq, "%+v", r.Broken)
			require.Contains(t, r.Broken.Detail, c.says)
		})
	}
}

const writerChild = "JOINERY_AUDIT_TEST_CHILD"

// The chain has no gap and lacks nothing that was committed, with 32 writers of
// whom some give up, sealers in two processes, and processes that are killed.
func TestS88_ChainWithoutGaps(t *testing.T) {
	if url := os.Getenv(writerChild); url != "" {
		auditChild(t, url)
		return
	}
	t.Parallel()
	app, _ := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: app, Conns: 36})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	stop := make(chan struct{})
	var sealers, writers sync.WaitGroup
	for range 3 {
		sealers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = db.SealAudit(context.Background())
				}
			}
		})
	}
	var killed int
	writers.Go(func() {
		for range 4 { // another process writes and seals, and is killed in the midst of it
			child := exec.Command(os.Args[0], "-test.run=^TestS88_ChainWithoutGaps$")
			child.Env = append(os.Environ(), writerChild+"="+app)
			if err := child.Start(); err != nil {
				t.Error(err)
				return
			}
			var before, now int
			_ = db.RawScan(context.Background(), &before, `SELECT count(*) FROM audit_events WHERE action = 'child'`)
			for end := time.Now().Add(pgtest.Hang); now < before+20 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				_ = db.RawScan(context.Background(), &now, `SELECT count(*) FROM audit_events WHERE action = 'child'`)
			}
			if now >= before+20 {
				killed++
			}
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	})
	var kept atomic.Int64
	for w := range 32 {
		writers.Go(func() {
			conn, err := pgx.Connect(context.Background(), app)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.Background()) }()
			rnd := rand.New(rand.NewPCG(uint64(w), 88))
			for i := range 25 {
				end := "COMMIT"
				if rnd.IntN(3) == 0 {
					end = "ROLLBACK"
				}
				if err := appendOne(conn, "writer", fmt.Sprint(w, ".", i), end); err != nil {
					t.Error(err)
					return
				}
				if end == "COMMIT" {
					kept.Add(1)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	sealers.Wait()
	require.Equal(t, 4, killed, "each child had written when it was killed")
	pgtest.Eventually(t, 10*time.Second, "all is sealed", func() bool {
		_, err := db.SealAudit(t.Context())
		var left int
		return err == nil && db.RawScan(t.Context(), &left, `SELECT count(*) FROM audit_unsealed`) == nil && left == 0
	})
	r, err := db.VerifyAudit(t.Context(), nil)
	require.NoError(t, err)
	require.Nil(t, r.Broken, "%v", r.Broken)
	require.Zero(t, r.Unsealed)
	var events, last, ours int64
	pgtest.Scan(t, db, &events, `SELECT count(*) FROM audit_events`)
	pgtest.Scan(t, db, &last, `SELECT max(seq) FROM audit_chain`)
	pgtest.Scan(t, db, &ours, `SELECT count(*) FROM audit_events WHERE action = 'writer'`)
	require.Equal(t, kept.Load(), ours, "what was committed is there, what was given up is not")
	require.Equal(t, events, last)
	require.Equal(t, events, r.Records)
}

func appendOne(conn *pgx.Conn, action, id, end string) error {
	ctx := context.Background()
	for _, q := range []string{"BEGIN", fmt.Sprintf(`SELECT audit_append(ARRAY['user'], ARRAY['u'], ARRAY['U'], ARRAY[''], ARRAY['%s'], ARRAY['x'], ARRAY['%s'], ARRAY['{}'])`, action, id), end} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// auditChild writes and seals until it is killed.
func auditChild(t *testing.T, url string) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			conn, err := pgx.Connect(context.Background(), url)
			require.NoError(t, err)
			for i := 0; ; i++ {
				if appendOne(conn, "child", fmt.Sprint(os.Getpid(), ".", i), "COMMIT") != nil {
					return
				}
				_, _ = conn.Exec(context.Background(), `SELECT audit_seal(10)`)
			}
		})
	}
	all.Wait()
}
