package bulk

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Mapping says what the columns are.
type Mapping struct {
	// Worker is the column with the worker's id.
	Worker string `json:"worker"`
	// Attributes gives the attribute that a column fills; a column that is not here
	// is not read.
	Attributes map[string]string `json:"attributes"`
	// Dates is how dates are written: one of DateForms.
	Dates string `json:"dates"`
}

// DateForm is a way to write a date.
type DateForm struct{ Key, Label, layout string }

// DateForms lists the ways that are read. The first is the default.
func DateForms() []DateForm {
	return []DateForm{{"iso", "2026-03-31", "2006-01-02"}, {"dmy-dot", "31.03.2026", "2.1.2006"}, {"dmy", "31/03/2026", "2/1/2006"}, {"mdy", "03/31/2026", "1/2/2006"}}
}

// dates are the attributes that hold one.
func dates() []string { return []string{joiner.StartDate, joiner.EndDate, "birth_date"} }

// synonyms are the names under which HR systems and spreadsheets export what we know.
var synonyms = map[string][]string{
	"worker":             {"worker", "worker id", "workerid", "employee id", "employeeid", "person id", "hr id", "hrid", "personnel id", "id", "personalnummer id"},
	joiner.FirstName:     {"first name", "firstname", "given name", "givenname", "vorname", "prenom", "forename"},
	joiner.LastName:      {"last name", "lastname", "surname", "family name", "familyname", "nachname", "nom"},
	joiner.MiddleName:    {"middle name", "middlename"},
	joiner.PreferredName: {"preferred name", "preferredname", "known as", "nickname", "rufname"},
	joiner.DisplayName:   {"display name", "displayname", "full name", "fullname", "name"},
	joiner.WorkEmail:     {"work email", "workemail", "business email", "company email"},
	joiner.PersonalEmail: {"personal email", "personalemail", "private email", "home email"},
	joiner.Department:    {"department", "dept", "abteilung", "department code", "cost center", "org unit"},
	joiner.Title:         {"title", "job title", "jobtitle", "position", "role"},
	joiner.Location:      {"location", "site", "office", "standort", "work location"},
	joiner.Country:       {"country", "work country", "land", "country code"},
	joiner.TimeZone:      {"time zone", "timezone", "tz"},
	joiner.ManagerID:     {"manager id", "managerid", "supervisor id", "reports to", "manager", "line manager id"},
	joiner.StartDate:     {"start date", "startdate", "hire date", "hiredate", "eintritt", "eintrittsdatum", "join date", "first day"},
	joiner.EndDate:       {"end date", "enddate", "contract end", "leave date", "austritt"},
	joiner.WorkerType:    {"worker type", "workertype", "employment type", "type", "contract type"},
	joiner.Status:        {"status", "employment status"},
	joiner.EmployeeNo:    {"employee number", "employeenumber", "personnel number", "personalnummer", "staff number", "employee no"},
	joiner.Phone:         {"phone", "telephone", "mobile", "telefon", "phone number"},
}

// Guess finds what the columns most likely are.
func Guess(columns []string) Mapping {
	m := Mapping{Attributes: map[string]string{}, Dates: DateForms()[0].Key}
	taken := map[string]bool{}
	for _, attribute := range slices.Sorted(maps.Keys(synonyms)) {
		for _, word := range append([]string{attribute}, synonyms[attribute]...) {
			i := slices.IndexFunc(columns, func(c string) bool { return !taken[c] && plainName(c) == plainName(word) })
			if i < 0 {
				continue
			}
			taken[columns[i]] = true
			if attribute == "worker" {
				m.Worker = columns[i]
			} else {
				m.Attributes[columns[i]] = attribute
			}
			break
		}
	}
	return m
}

// plainName takes out of a name what differs from system to system.
func plainName(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "", ".", "", "é", "e", "ä", "ae", "ü", "ue", "ö", "oe").Replace(strings.ToLower(s))
}

var attributeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Check judges a mapping for a sheet.
func (m Mapping) Check(columns []string) error {
	var out []fault.Problem
	add := func(path, format string, args ...any) {
		out = append(out, fault.Problem{Path: path, Detail: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(columns, m.Worker) {
		add("worker", "Choose the column that holds the worker's id: what the HRIS knows a person by for ever.")
	}
	if !slices.ContainsFunc(DateForms(), func(f DateForm) bool { return f.Key == m.Dates }) {
		add("dates", "Choose how dates are written.")
	}
	from := map[string]string{}
	for _, c := range slices.Sorted(maps.Keys(m.Attributes)) {
		a := m.Attributes[c]
		switch {
		case !slices.Contains(columns, c):
			add("attributes."+c, "The file has no column %q.", c)
		case !attributeName.MatchString(a):
			add("attributes."+c, "%q is not a name of an attribute: use lower-case letters, digits and underscores.", a)
		case from[a] != "":
			add("attributes."+c, "The columns %q and %q both fill %s. Keep one of them.", from[a], c, a)
		}
		from[a] = c
	}
	return fault.Refuse("The columns are not all clear.", out)
}

// Person is a row as a worker, or what is wrong with it.
type Person struct {
	Line   int
	Worker joiner.Worker
	// Problem says why the row cannot be taken; "" when it can.
	Problem string
}

// People turns rows into workers one after the other, with what is wrong with each.
func (m Mapping) People(s Sheet) func(yield func(Person) bool) {
	index := map[string]int{}
	for i, c := range s.Columns {
		index[c] = i
	}
	layout := "2006-01-02"
	for _, f := range DateForms() {
		if f.Key == m.Dates {
			layout = f.layout
		}
	}
	return func(yield func(Person) bool) {
		lines := map[string]int{}
		for _, r := range s.Rows {
			p := m.person(r, index, layout)
			if first, twice := lines[p.Worker.ID]; twice && p.Problem == "" {
				p.Problem = fmt.Sprintf("The worker %s is in line %d already.", p.Worker.ID, first)
			} else if p.Problem == "" {
				lines[p.Worker.ID] = r.Line
			}
			if !yield(p) {
				return
			}
		}
	}
}

func (m Mapping) person(r Row, index map[string]int, layout string) Person {
	p := Person{Line: r.Line, Worker: joiner.Worker{ID: r.Values[index[m.Worker]], Attributes: map[string]any{}}}
	if err := joiner.CheckWorker(p.Worker.ID); err != nil {
		p.Problem = fault.Sentence(err)
		return p
	}
	for column, attribute := range m.Attributes {
		value := r.Values[index[column]]
		if value == "" {
			continue
		}
		if slices.Contains(dates(), attribute) {
			t, err := time.Parse(layout, value)
			if err != nil {
				p.Problem = fmt.Sprintf("%s is %q, which is not a date written like %s.", column, value, time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC).Format(layout))
				return p
			}
			value = t.Format(time.DateOnly)
		}
		if attribute == joiner.TimeZone {
			if _, err := time.LoadLocation(value); err != nil {
				p.Problem = fmt.Sprintf("%s is %q, which is no time zone such as Europe/Berlin.", column, value)
				return p
			}
		}
		p.Worker.Attributes[attribute] = value
	}
	return p
}
