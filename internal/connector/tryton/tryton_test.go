package tryton_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/tryton"
	"joinery/internal/connectortest"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

type (
	m = map[string]any
	l = []any
)

// person is an employee as HR enters one.
type person struct {
	s     *connectortest.Tryton
	party int
	id    int
}

func (p person) worker() string { return strconv.Itoa(p.id) }

func hire(t *testing.T, s *connectortest.Tryton, name string, employee m, mechanisms ...any) person {
	t.Helper()
	party, err := s.Make(t.Context(), "party.party", m{"name": name, "contact_mechanisms": l{l{"create", append(l{}, mechanisms...)}}})
	require.NoError(t, err)
	return employ(t, s, party, employee)
}

func employ(t *testing.T, s *connectortest.Tryton, party int, employee m) person {
	t.Helper()
	values := m{"party": party, "company": 1}
	for k, v := range employee {
		values[k] = v
	}
	id, err := s.Make(t.Context(), "company.employee", values)
	require.NoError(t, err)
	return person{s, party, id}
}

// write changes a record as HR would.
func write(t *testing.T, s *connectortest.Tryton, model string, id int, values m) {
	t.Helper()
	_, err := s.Call(t.Context(), "model."+model+".write", l{id}, values)
	require.NoError(t, err)
}

func email(value, name string) m {
	if name == "" {
		return m{"type": "email", "value": value}
	}
	return m{"type": "email", "value": value, "name": name}
}

func day(s string) m { return connectortest.TrytonDay(s) }

func open(t testing.TB, s *connectortest.Tryton, change m) connector.Conn {
	t.Helper()
	settings := s.Settings("hr")
	for k, v := range change {
		settings.Settings[k] = v
	}
	return connectortest.Open(t, tryton.Type{}, settings, map[string]string{"password": s.Password})
}

// everybody walks through all pages of Changed.
func everybody(t *testing.T, conn connector.Conn, since time.Time) []joiner.Worker {
	t.Helper()
	var out []joiner.Worker
	cursor := ""
	for range 100 {
		page, next, err := conn.(connector.Workers).Changed(t.Context(), since, cursor)
		require.NoError(t, err)
		out = append(out, page...)
		if cursor = next; cursor == "" {
			return out
		}
	}
	t.Fatal("the walk does not end")
	return nil
}

func among(list []joiner.Worker, id string) bool {
	for _, w := range list {
		if w.ID == id {
			return true
		}
	}
	return false
}

func read(t *testing.T, conn connector.Conn, id string) joiner.Worker {
	t.Helper()
	w, err := conn.(connector.Workers).Worker(t.Context(), id)
	require.NoError(t, err)
	return w
}

func TestHRIS(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	link := newTap(t, s.BaseURL)
	connectortest.RunHRIS(t, connectortest.HRIS{
		Open: func(t testing.TB, timeout time.Duration) connector.Conn {
			return open(t, s, m{"base_url": link.URL, "timeout": timeout.String()})
		},
		Trouble: link.set, Path: func(string) string { return "" },
		Hire:    func() string { return hire(t, s, "Ada Okafor", nil).worker() },
		Update:  m{joiner.WorkEmail: "ada@acme.example"},
		Stored:  func(id, name string) any { return read(t, open(t, s, nil), id).Attributes[name] },
		Secrets: []string{s.Password},
	})
}

func TestWorker(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	conn := open(t, s, nil)
	boss := hire(t, s, "Chief, Anna Maria", m{"start_date": day("2020-01-01")})
	p := hire(t, s, "Ludwig van Beethoven", m{"start_date": day("2999-12-01"), "end_date": day("2999-12-31"), "supervisor": boss.id},
		email("ludwig@home.example", ""), email("l.beethoven@corp.example", "WORK"), m{"type": "mobile", "value": "+49 170 1234567"}, email("third@home.example", "Club"))
	_, err := s.Make(t.Context(), "party.address", m{"party": p.party, "city": "Bonn", "street": "Bonngasse 20"})
	require.NoError(t, err)
	code, err := s.Call(t.Context(), "model.party.party.read", l{p.party}, l{"code"})
	require.NoError(t, err)

	w := read(t, conn, p.worker())
	require.Equal(t, p.worker(), w.ID)
	require.Equal(t, m{
		joiner.FirstName: "Ludwig", joiner.LastName: "van Beethoven", joiner.DisplayName: "Ludwig van Beethoven", joiner.EmployeeNo: code.([]any)[0].(m)["code"],
		joiner.WorkEmail: "l.beethoven@corp.example", joiner.PersonalEmail: "ludwig@home.example", joiner.Phone: "+49 170 1234567", joiner.Location: "Bonn",
		joiner.StartDate: "2999-12-01", joiner.EndDate: "2999-12-31", joiner.ManagerID: boss.worker(), joiner.Status: "planned", joiner.TimeZone: "Europe/Berlin",
	}, w.Attributes)
	require.WithinDuration(t, time.Now(), w.ChangedAt, 10*time.Minute)
	require.NotEmpty(t, w.Version)

	b := read(t, conn, boss.worker())
	require.Equal(t, "Anna Maria", b.Text(joiner.FirstName))
	require.Equal(t, "Chief", b.Text(joiner.LastName))
	require.Equal(t, "active", b.Text(joiner.Status))
	require.NotContains(t, b.Attributes, joiner.WorkEmail, "unknown is absent, not empty")

	for name, change := range map[string]struct {
		values m
		party  m
		status string
	}{
		"left":             {m{"start_date": day("2020-01-01"), "end_date": day("2021-01-01")}, nil, "terminated"},
		"leaves later":     {m{"start_date": day("2020-01-01"), "end_date": day("2999-01-01")}, nil, "active"},
		"called off":       {m{"start_date": day("2999-01-01")}, m{"active": false}, "rescinded"},
		"inactive":         {m{"start_date": day("2020-01-01")}, m{"active": false}, "terminated"},
		"without any date": {nil, nil, "active"},
	} {
		p := hire(t, s, "State Of", change.values)
		if change.party != nil {
			write(t, s, "party.party", p.party, change.party)
		}
		require.Equal(t, change.status, read(t, conn, p.worker()).Text(joiner.Status), name)
	}

	for _, id := range []string{"999999", "0", "-1", "01", "x", "", "1 OR 1=1", "9999999999999999999999"} {
		_, err := conn.(connector.Workers).Worker(t.Context(), id)
		require.True(t, fault.Is(err, fault.NotFound), "%q: %v", id, err)
	}
}

func TestWorker_Settings(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	p := hire(t, s, "Nguyen Van An", nil, email("an@corp.example", ""), email("an@home.example", "Private"))
	_, err := s.Make(t.Context(), "party.address", m{"party": p.party, "city": "Hanoi"})
	require.NoError(t, err)
	w := read(t, open(t, s, m{"name_form": "last_first", "work_label": "", "zones": m{"Hanoi": "Asia/Ho_Chi_Minh"}, "fields": m{"company_name": "company.party.name", "last_name": "party.code", "hired": "create_date"}}), p.worker())
	require.Equal(t, "Van An", w.Text(joiner.FirstName))
	require.NotEqual(t, "Nguyen", w.Text(joiner.LastName), "a mapped field wins")
	require.Equal(t, "an@corp.example", w.Text(joiner.WorkEmail))
	require.Equal(t, "an@home.example", w.Text(joiner.PersonalEmail))
	require.Equal(t, "Asia/Ho_Chi_Minh", w.Text(joiner.TimeZone))
	require.Equal(t, "Corp", w.Text("company_name"))
	_, err = time.Parse(time.RFC3339Nano, w.Text("hired"))
	require.NoError(t, err)

	other := employ(t, s, p.party, m{"company": 2})
	only := open(t, s, m{"company": "Other Corp", "zone": "Europe/Zurich"})
	require.Equal(t, "Europe/Zurich", read(t, only, other.worker()).Text(joiner.TimeZone), "this company has none of its own")
	_, err = only.(connector.Workers).Worker(t.Context(), p.worker())
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	all := everybody(t, only, time.Time{})
	require.True(t, among(all, other.worker()))
	require.False(t, among(all, p.worker()))

	_, err = open(t, s, m{"fields": m{"department": "department.rec_name"}}).(connector.Workers).Worker(t.Context(), p.worker())
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.Contains(t, fault.Sentence(err), "A field in the settings may not exist")
}

// What moves which date in Tryton, and what a poll must see.
func TestChanged(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	conn := open(t, s, m{"overlap": "0s"})
	ctx := t.Context()
	p := hire(t, s, "Poll Me", nil, email("poll@home.example", ""))
	twin := employ(t, s, p.party, nil)
	address, err := s.Make(ctx, "party.address", m{"party": p.party, "city": "Kiel"})
	require.NoError(t, err)
	found, err := s.Call(ctx, "model.party.contact_mechanism.search", l{l{"party", "=", p.party}}, 0, 1, nil)
	require.NoError(t, err)
	mechanism := number(t, found.([]any)[0])

	w := read(t, conn, p.worker())
	require.True(t, among(everybody(t, conn, w.ChangedAt), p.worker()), "the moment itself counts")
	require.False(t, among(everybody(t, conn, w.ChangedAt.Add(time.Microsecond)), p.worker()))

	for _, c := range []struct {
		name string
		do   func()
		only bool // it belongs to the employee, and not to the person
	}{
		{"the employee", func() { write(t, s, "company.employee", p.id, m{"start_date": day("2026-12-01")}) }, true},
		{"the party", func() { write(t, s, "party.party", p.party, m{"name": "Poll Me Now"}) }, false},
		{"a new e-mail", func() {
			_, err := s.Make(ctx, "party.contact_mechanism", m{"party": p.party, "type": "email", "value": "new@corp.example", "name": "Work"})
			require.NoError(t, err)
		}, false},
		{"another e-mail", func() { write(t, s, "party.contact_mechanism", mechanism, m{"value": "other@home.example"}) }, false},
		{"an e-mail taken away", func() { write(t, s, "party.contact_mechanism", mechanism, m{"active": false}) }, false},
		{"the place", func() { write(t, s, "party.address", address, m{"city": "Köln"}) }, false},
	} {
		before := read(t, conn, p.worker())
		c.do()
		list := everybody(t, conn, before.ChangedAt.Add(time.Microsecond))
		require.True(t, among(list, p.worker()), c.name)
		require.Equal(t, !c.only, among(list, twin.worker()), "%s, of the second employee of the same person", c.name)
		after := read(t, conn, p.worker())
		require.True(t, after.ChangedAt.After(before.ChangedAt), c.name)
		require.NotEqual(t, before.Version, after.Version, c.name)
		for _, w := range list {
			if w.ID == p.worker() {
				require.Equal(t, after, w, c.name)
			}
		}
	}
	require.Equal(t, "Köln", read(t, conn, p.worker()).Text(joiner.Location))
	require.NotContains(t, read(t, conn, p.worker()).Attributes, joiner.PersonalEmail, "taken away")

	// A look back finds what a long transaction saved late.
	w = read(t, conn, p.worker())
	require.True(t, among(everybody(t, open(t, s, m{"overlap": "1m"}), w.ChangedAt.Add(30*time.Second)), p.worker()))
}

func number(t *testing.T, v any) int {
	t.Helper()
	n, err := strconv.Atoi(fmt.Sprint(v))
	require.NoError(t, err)
	return n
}

// A second employee for the same person is accepted by Tryton; both are workers.
func TestDuplicateEmployees(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	conn := open(t, s, nil)
	first := hire(t, s, "Two Times", m{"start_date": day("2026-12-01")}, email("two@home.example", ""))
	second := employ(t, s, first.party, m{"start_date": day("2026-12-01")})
	third := hire(t, s, "Two Times", m{"start_date": day("2026-12-01")}, email("two@home.example", ""))
	list := everybody(t, conn, time.Now().Add(-time.Hour))
	for _, p := range []person{first, second, third} {
		require.True(t, among(list, p.worker()))
		require.Equal(t, "Two Times", read(t, conn, p.worker()).Label())
	}
}

// More employees than fit one page, in order, each once.
func TestChanged_Pages(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	var values l
	party, err := s.Make(t.Context(), "party.party", m{"name": "Many"})
	require.NoError(t, err)
	for range 230 {
		values = append(values, m{"party": party, "company": 1})
	}
	_, err = s.Call(t.Context(), "model.company.employee.create", values)
	require.NoError(t, err)
	conn := open(t, s, nil)
	list := everybody(t, conn, time.Time{})
	seen := map[string]bool{}
	for i, w := range list {
		require.False(t, seen[w.ID], "%s comes twice", w.ID)
		seen[w.ID] = true
		if i > 0 && i%100 != 0 { // between pages somebody else may change
			require.False(t, w.ChangedAt.Before(list[i-1].ChangedAt) && !changedMeanwhile(list[i-1]), "oldest first")
		}
	}
	require.GreaterOrEqual(t, len(list), 230)
	_, next, err := conn.(connector.Workers).Changed(t.Context(), time.Time{}, "9999")
	require.NoError(t, err)
	require.Empty(t, next)
}

// changedMeanwhile says that another test may have changed the worker after the
// list was made.
func changedMeanwhile(w joiner.Worker) bool { return time.Since(w.ChangedAt) < time.Minute }

func TestWriteBack(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	conn := open(t, s, nil)
	back := conn.(connector.WriteBack)
	count := func(party int) int {
		t.Helper()
		n, err := s.Call(t.Context(), "model.party.contact_mechanism.search_count", l{l{"party", "=", party}, l{"type", "=", "email"}})
		require.NoError(t, err)
		return number(t, n)
	}
	p := hire(t, s, "Write Back", m{"start_date": day("2026-12-01")}, email("write@home.example", ""))
	before := read(t, conn, p.worker())

	require.NoError(t, back.UpdateWorker(t.Context(), p.worker(), m{joiner.WorkEmail: "write.back@corp.example"}))
	w := read(t, conn, p.worker())
	require.Equal(t, "write.back@corp.example", w.Text(joiner.WorkEmail))
	require.Equal(t, "write@home.example", w.Text(joiner.PersonalEmail), "the personal one stays")
	require.True(t, w.ChangedAt.After(before.ChangedAt))
	require.NoError(t, back.UpdateWorker(t.Context(), p.worker(), m{joiner.WorkEmail: "write.back@corp.example"}))
	require.Equal(t, 2, count(p.party), "a repetition makes no second one")
	require.Equal(t, w.Version, read(t, conn, p.worker()).Version, "and changes nothing")

	require.NoError(t, back.UpdateWorker(t.Context(), p.worker(), m{joiner.WorkEmail: "w.back@corp.example"}))
	require.Equal(t, 2, count(p.party))
	require.Equal(t, "w.back@corp.example", read(t, conn, p.worker()).Text(joiner.WorkEmail))
	require.NoError(t, back.UpdateWorker(t.Context(), p.worker(), m{joiner.WorkEmail: nil}))
	require.NotContains(t, read(t, conn, p.worker()).Attributes, joiner.WorkEmail)
	require.Equal(t, 1, count(p.party))

	// Other fields of the party; those of the employee are not this user's to change.
	require.NoError(t, back.UpdateWorker(t.Context(), p.worker(), m{joiner.DisplayName: "Write Back Junior"}))
	require.Equal(t, "Junior", read(t, conn, p.worker()).Text(joiner.LastName))
	err := back.UpdateWorker(t.Context(), p.worker(), m{joiner.EndDate: "2027-12-01"})
	require.True(t, fault.Is(err, fault.Forbidden), "%v", err)
	require.Contains(t, fault.Sentence(err), "Give the user the right")

	admin := s.Settings("admin")
	admin.Settings["user"] = s.Admin
	admin.Settings["fields"] = m{"end_date": "end_date", "start_date": "start_date", "manager_id": "supervisor", "display_name": "party.name", "company_name": "company.party.name", "made": "create_date", "nothing": "nosuch"}
	strong := connectortest.Open(t, tryton.Type{}, admin, map[string]string{"password": s.AdminPassword}).(connector.WriteBack)
	for name, c := range map[string]struct {
		value any
		says  string
	}{
		"end_date": {"soon", "not a date like"}, "display_name": {7.0, "takes a text"}, "manager_id": {"boss", "takes its id"}, "company_name": {"X", "another record"}, "made": {"2026-01-01", "nobody"},
		"nothing": {"x", "no field of this name"}, "department": {"x", "name no field"},
	} {
		err := strong.UpdateWorker(t.Context(), p.worker(), m{name: c.value, joiner.WorkEmail: "never@corp.example"})
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
		require.Contains(t, fault.Sentence(err), c.says, name)
		require.Contains(t, fault.Sentence(err), "Nothing was written")
	}
	require.NotContains(t, read(t, conn, p.worker()).Attributes, joiner.WorkEmail)
	err = strong.UpdateWorker(t.Context(), "999999", m{joiner.WorkEmail: "x@corp.example"})
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	// Tryton's own rule, told in an answer with status 200.
	err = strong.UpdateWorker(t.Context(), p.worker(), m{joiner.EndDate: "2026-11-30"})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.Contains(t, fault.Sentence(err), "End Date")
	err = back.UpdateWorker(t.Context(), p.worker(), m{joiner.DisplayName: strings.Repeat("x", 3000)})
	require.Contains(t, fault.Sentence(err), "longer than 2000 bytes")
	require.Contains(t, fault.Sentence(err), "Nothing was written")
}

// One employee with a value that cannot be one does not stop the poll.
func TestChanged_Unreadable(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	conn := open(t, s, nil)
	fine := hire(t, s, "Fine One", nil)
	odd := hire(t, s, strings.Repeat("x", 3000), nil)
	list := everybody(t, conn, time.Now().Add(-time.Hour))
	require.True(t, among(list, fine.worker()))
	require.False(t, among(list, odd.worker()))
	_, err := conn.(connector.Workers).Worker(t.Context(), odd.worker())
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
}

// HR typed something since the run read the worker: HR's value stays.
func TestUpdateWorkerFrom(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	conn := open(t, s, nil)
	back := conn.(connector.CarefulWriteBack)
	p := hire(t, s, "Careful With", nil)
	set := m{joiner.WorkEmail: "careful@corp.example"}
	require.NoError(t, back.UpdateWorkerFrom(t.Context(), p.worker(), set, m{joiner.WorkEmail: nil}))
	require.NoError(t, back.UpdateWorkerFrom(t.Context(), p.worker(), set, m{joiner.WorkEmail: nil}), "what an earlier try wrote is no conflict")
	for _, was := range []any{nil, "hr@corp.example"} {
		err := back.UpdateWorkerFrom(t.Context(), p.worker(), m{joiner.WorkEmail: "other@corp.example"}, m{joiner.WorkEmail: was})
		require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	}
	require.NoError(t, back.UpdateWorkerFrom(t.Context(), p.worker(), m{joiner.WorkEmail: "other@corp.example"}, set))
	write(t, s, "party.party", p.party, m{"name": "Careful Elsewhere"})
	err := back.UpdateWorkerFrom(t.Context(), p.worker(), m{joiner.DisplayName: "Ours", joiner.WorkEmail: nil}, m{joiner.DisplayName: "Careful With", joiner.WorkEmail: "other@corp.example"})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	w := read(t, conn, p.worker())
	require.Equal(t, "Careful Elsewhere", w.Text(joiner.DisplayName))
	require.Equal(t, "other@corp.example", w.Text(joiner.WorkEmail), "nothing was written")
}

// Somebody changes the record between our reading and our writing: nothing is
// overwritten.
func TestWriteBack_AtTheSameMoment(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	p := hire(t, s, "Race Me", nil, email("old@corp.example", "Work"))
	found, err := s.Call(t.Context(), "model.party.contact_mechanism.search", l{l{"party", "=", p.party}}, 0, 1, nil)
	require.NoError(t, err)
	mechanism := number(t, found.([]any)[0])
	link := newTap(t, s.BaseURL)
	link.before = func(body string) {
		if strings.Contains(body, "party.contact_mechanism.write") {
			write(t, s, "party.contact_mechanism", mechanism, m{"value": "hr@corp.example"})
		}
	}
	err = open(t, s, m{"base_url": link.URL}).(connector.WriteBack).UpdateWorker(t.Context(), p.worker(), m{joiner.WorkEmail: "ours@corp.example"})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.Contains(t, fault.Sentence(err), "same moment")
	require.Equal(t, "hr@corp.example", read(t, open(t, s, nil), p.worker()).Text(joiner.WorkEmail))
}

// Whichever answer is lost, a repetition ends with one work e-mail.
func TestWriteBack_LostAnswers(t *testing.T) {
	t.Parallel()
	s := connectortest.SharedTryton(t)
	reader := open(t, s, nil)
	link := newTap(t, s.BaseURL)
	conn := open(t, s, m{"base_url": link.URL}).(connector.WriteBack)
	for n := 1; ; n++ {
		p := hire(t, s, "Lost "+strconv.Itoa(n), nil)
		set := m{joiner.WorkEmail: strings.ToLower(rand.Text()) + "@corp.example"}
		begun := link.count()
		link.loseNext(n)
		err := conn.UpdateWorker(t.Context(), p.worker(), set)
		lost := link.count()-begun >= n
		link.loseNext(0)
		if err != nil {
			require.True(t, lost, "%v", err)
			require.True(t, fault.Is(err, fault.Unavailable), "answer %d: %v", n, err)
			require.NoError(t, conn.UpdateWorker(t.Context(), p.worker(), set))
		}
		require.Equal(t, set[joiner.WorkEmail], read(t, reader, p.worker()).Text(joiner.WorkEmail))
		all, err := s.Call(context.Background(), "model.party.contact_mechanism.search_count", l{l{"party", "=", p.party}})
		require.NoError(t, err)
		require.Equal(t, "1", fmt.Sprint(all), "answer %d", n)
		if !lost {
			require.Greater(t, n, 4, "no answer was ever lost")
			return
		}
		require.Less(t, n, 30)
	}
}
