package postgres_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
	"joinery/internal/luavm"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// Records of people are wherever people are: also those of a list that was handed in, of a
// file that stands for an HRIS, names that are held, former accounts, and whoever works
// here. What is written later is known to the next text (S-98).
func TestS98_EveryTableWithPeople(t *testing.T) {
	t.Parallel()
	db, by := authoring(t, author.On)
	leaks := func(text string) []author.Leak {
		found, err := db.Leaks(t.Context(), text, func(string) bool { return false })
		require.NoError(t, err)
		return found
	}
	texts := []string{"Give Tomasz a login", "Give Nkechi a login", "Give Aroha a login", "for aroha.private@mail.example", "login zz.reserved.login", "CN=Former Person,DC=corp", "cn of zokafor9", "Ottilie is an operator", "badge B-7788 is lost", "born 1984-11-30: may"}
	for _, text := range texts {
		require.Empty(t, leaks(text), text)
	}
	pgtest.Exec(t, db, `INSERT INTO joiners (id, connection, worker, attributes, read_at) VALUES ('j_1', 'hr', 'w1', '{"first_name": "Tomasz", "last_name": "May", "birth_date": "1984-11-30", "badge": {"number": "B-7788"}}', now() - interval '3 days')`)
	pgtest.Exec(t, db, `INSERT INTO file_workers (connection, worker, attributes, changed_at) VALUES ('file', 'w2', '{"first_name": "Nkechi"}', now() - interval '3 days')`)
	pgtest.Exec(t, db, `INSERT INTO bulk_lists (id, flow, connection, format, columns, state, by_id, by_name) VALUES ('l_1', 'f', 'hr', 'csv', '{a}', 'mapped', $1, 'X')`, by.UserID)
	pgtest.Exec(t, db, `INSERT INTO bulk_rows (list_id, n, line, worker, attributes) VALUES ('l_1', 1, 2, 'w3', '{"first_name": "Aroha", "kin": ["aroha.private@mail.example"]}')`)
	pgtest.Exec(t, db, `INSERT INTO joiner_accounts (joiner_id, connection, account_id, name, run_id, former) VALUES ('j_1', 'ad', 'CN=Zed,DC=corp', 'zokafor9', 'r', '{"CN=Former Person,DC=corp"}')`)
	pgtest.Exec(t, db, `INSERT INTO reservations (id, space, key, name, set_id, joiner_id, state) VALUES ('n_1', 'ad', 'zz.reserved.login', 'zz.reserved.login', 's', 'j_1', 'held')`)
	pgtest.Exec(t, db, `UPDATE users SET name = 'Ottilie Somebody' WHERE id = $1`, by.UserID)
	postgres.ForgetMarksAge(db)
	for _, text := range texts {
		require.NotEmpty(t, leaks(text), text)
	}
	// By the second look only what is new is read, whatever the clock of whoever wrote it.
	pgtest.Exec(t, db, `UPDATE joiners SET attributes = attributes || '{"last_name": "Quillfeather"}', read_at = now() - interval '1 year' WHERE id = 'j_1'`)
	postgres.ForgetMarksAge(db)
	require.NotEmpty(t, leaks("Give Quillfeather a login"))
}

// What looking through a text costs where 100,000 people are known:
// JOINERY_PEOPLE=100000 go test ./internal/postgres -run S98_Cost -count=1 -v
func TestS98_Cost(t *testing.T) {
	people, err := strconv.Atoi(os.Getenv("JOINERY_PEOPLE"))
	if err != nil {
		t.Skip("JOINERY_PEOPLE is how many people are known")
	}
	db, _ := authoring(t, author.On)
	pgtest.Exec(t, db, `INSERT INTO joiners (id, connection, worker, attributes) SELECT 'j_' || i, 'hr', 'w' || 100000 + i,
		jsonb_build_object('first_name', 'F' || translate(substr(md5((i % 3000)::text), 1, 6), '0123456789', 'ghijklmnop'), 'last_name', 'L' || translate(substr(md5((i % 20000)::text || 'x'), 1, 7), '0123456789', 'ghijklmnop'), 'display_name', 'F' || translate(substr(md5((i % 3000)::text), 1, 6), '0123456789', 'ghijklmnop') || ' L' || translate(substr(md5((i % 20000)::text || 'x'), 1, 7), '0123456789', 'ghijklmnop'),
			'work_email', 'person' || i || '@corp.example', 'personal_email', 'p' || md5(i::text) || '@home.example', 'phone', '+49 30 ' || 5550000 + i, 'birth_date', '19' || 60 + i % 40 || '-0' || 1 + i % 9 || '-1' || i % 10,
			'home_address', i || ' Harbour Road, 1' || 1000 + i % 9000 || ' Northtown', 'department', 'Department ' || i % 40, 'title', 'Engineer', 'location', 'Berlin', 'start_date', '2026-12-01', 'employee_number', 'E' || 200000 + i,
			'badge_id', 'B-' || i, 'cost_center', 'CC-' || i % 200, 'emergency_contact', jsonb_build_object('name', 'Kin L' || translate(substr(md5((i % 20000)::text || 'x'), 1, 7), '0123456789', 'ghijklmnop'), 'phone', '+49 171 ' || 6660000 + i), 'shirt_size', 'L', 'desk', 'T' || i % 70 || '-' || i)
		FROM generate_series(1, $1::int) i`, people)
	pgtest.Exec(t, db, `INSERT INTO joiner_accounts (joiner_id, connection, account_id, name, run_id) SELECT 'j_' || i, 'ad', 'CN=L' || i || ',OU=Users,DC=corp,DC=example', 'zacc' || i, 'r' FROM generate_series(1, $1::int) i`, people)
	pgtest.Exec(t, db, `INSERT INTO reservations (id, space, key, name, set_id, joiner_id, state) SELECT 'n_' || s || i, 'sp' || s, 'zacc' || i, 'zacc' || i, 's' || i, 'j_' || i, 'confirmed' FROM generate_series(1, $1::int) i, generate_series(1, 2) s`, people)
	pgtest.Exec(t, db, `ANALYZE`)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var text strings.Builder
	for text.Len() < 60<<10 {
		text.WriteString(luavm.LibraryText())
		fmt.Fprintf(&text, "\nContractors get login number %d; on 2026-11-%d the price of May.\n", text.Len(), text.Len()%30)
	}
	look := func() time.Duration {
		began := time.Now()
		found, err := db.Leaks(t.Context(), text.String(), func(string) bool { return false })
		require.NoError(t, err)
		require.Empty(t, found)
		return time.Since(began)
	}
	before := heap()
	first := look()
	used := heap() - before
	var again, fresh []time.Duration
	for range 50 {
		again = append(again, look())
	}
	for range 10 {
		postgres.ForgetMarksAge(db)
		fresh = append(fresh, look())
	}
	slices.Sort(again)
	slices.Sort(fresh)
	t.Logf("%d people, a text of %d kB: the first %v, then %v (half), %v (the slowest of 50); where new records are looked for first %v (half); %.1f MB kept for %d marks",
		people, text.Len()>>10, first.Round(time.Millisecond), again[25].Round(10*time.Microsecond), again[49].Round(10*time.Microsecond), fresh[5].Round(time.Millisecond), float64(used)/(1<<20), postgres.MarksKept(db))
}
