package bulk

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/fault"
)

func TestRead_SpreadsheetsOfAllKinds(t *testing.T) {
	want := Sheet{Columns: []string{"Worker ID", "Last name"}, Rows: []Row{{2, []string{"1", "Müller"}}, {3, []string{"2", ""}}}}
	for name, text := range map[string]string{
		"commas":     "Worker ID,Last name\n1,Müller\n2\n",
		"semicolons": "Worker ID;Last name\r\n1;Müller\r\n2;\r\n;\r\n",
		"tabs":       "Worker ID\tLast name\n1\t Müller \n2\t\n\n",
		"a mark":     "\xef\xbb\xbfWorker ID,Last name\n1,\"Müller\"\n2,\n",
	} {
		got, err := Read(FormatOf("people.csv", []byte(text)), []byte(text))
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	lines := "{\"Worker ID\":1,\"Last name\":\"Müller\"}\n\n{\"Worker ID\":\"2\",\"Last name\":null}\n"
	got, err := Read(FormatOf("pasted", []byte(lines)), []byte(lines))
	require.NoError(t, err)
	require.Equal(t, want.Columns, got.Columns)
	require.Equal(t, []string{"1", "Müller"}, got.Rows[0].Values)
	require.Equal(t, Row{3, []string{"2", ""}}, got.Rows[1])
}

func TestRead_SaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "first line",
		"worker\n":                    "no rows",
		"worker,worker\n1,2\n":        "Two columns",
		"worker,\n1,2\n":              "Column 2 has no name",
		"worker\n1,2\n":               "Line 2 has 2 values",
		"worker\n\"1\n2\n":            "quotes in line 2",
		"worker\n\xff\n":              "line 2",
		"PK\x03\x04xx":                "workbook",
		"{\"worker\":[1]}":            "a list or an object",
		"{\"worker\":1} {\"w\":2}":    "more than one",
		"{\"worker\":1,\"worker\":2}": "there twice",
		"{\"worker\":":                "not readable",
		"worker\n" + strings.Repeat("x", MaxValue+1): "2,000 characters",
		"worker" + strings.Repeat("\n1", MaxRows+1):  "100,000",
	} {
		_, err := Read(FormatOf("", []byte(text)), []byte(text))
		require.ErrorContains(t, err, want)
		require.NotEqual(t, fault.Internal, fault.KindOf(err))
	}
}

func TestGuess_KnowsTheHeadingsOfHRSystems(t *testing.T) {
	m := Guess([]string{"Employee ID", "Vorname", "Surname", "hire_date", "Shoe size", "Department", "Manager ID"})
	require.Equal(t, "Employee ID", m.Worker)
	require.Equal(t, map[string]string{"Vorname": "first_name", "Surname": "last_name", "hire_date": "start_date", "Department": "department", "Manager ID": "manager_id"}, m.Attributes)
}

func TestPeople_RowsBecomeWorkers(t *testing.T) {
	s, err := Read(CSV, []byte("id,first,start,zone\n1,Ada,31.03.2026,Europe/Berlin\n1,Ben,,\n,Cy,,\n4,Di,2026-03-31,\n5,Ed,,Mars/Base\n"))
	require.NoError(t, err)
	m := Mapping{Worker: "id", Attributes: map[string]string{"first": "first_name", "start": "start_date", "zone": "time_zone"}, Dates: "dmy-dot"}
	require.NoError(t, m.Check(s.Columns))
	var got []Person
	for p := range m.People(s) {
		got = append(got, p)
	}
	require.Len(t, got, 5)
	require.Equal(t, map[string]any{"first_name": "Ada", "start_date": "2026-03-31", "time_zone": "Europe/Berlin"}, got[0].Worker.Attributes)
	require.Equal(t, "The worker 1 is in line 2 already.", got[1].Problem)
	require.Contains(t, got[2].Problem, "1 to 200 characters")
	require.Contains(t, got[3].Problem, "not a date written like 31.3.2026")
	require.Contains(t, got[4].Problem, "no time zone")
}

func TestMapping_SaysWhatIsWrong(t *testing.T) {
	columns := []string{"a", "b", "c"}
	for want, m := range map[string]Mapping{
		"Choose the column":     {Worker: "x", Dates: "iso"},
		"how dates are written": {Worker: "a", Dates: "roman"},
		"both fill last_name":   {Worker: "a", Dates: "iso", Attributes: map[string]string{"b": "last_name", "c": "last_name"}},
		"not a name":            {Worker: "a", Dates: "iso", Attributes: map[string]string{"b": "Last name"}},
		"no column":             {Worker: "a", Dates: "iso", Attributes: map[string]string{"z": "last_name"}},
	} {
		err := m.Check(columns)
		require.Error(t, err)
		all := ""
		for _, p := range fault.Problems(err) {
			all += p.Detail
		}
		require.Contains(t, all, want)
	}
}
