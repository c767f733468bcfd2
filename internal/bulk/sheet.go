// Package bulk reads lists of people: a spreadsheet's CSV or JSON Lines, whose
// columns become a joiner's attributes. It is pure.
package bulk

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"joinery/internal/fault"
)

// Bounds of one list.
const (
	MaxRows    = 100_000
	MaxColumns = 100
	MaxValue   = 2000 // characters of one value
)

// Sheet is a list as it was read: text in rows and columns.
type Sheet struct {
	Columns []string
	Rows    []Row
}

// Row is one line; Line is where it begins in the file, from 1.
type Row struct {
	Line   int
	Values []string
}

// Formats.
const (
	CSV       = "csv"
	JSONLines = "jsonl"
)

// FormatOf tells the format of a file by its name and its first character.
func FormatOf(name string, body []byte) string {
	lower := strings.ToLower(name)
	if strings.HasSuffix(lower, ".jsonl") || strings.HasSuffix(lower, ".ndjson") || bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(body, bom)), []byte("{")) {
		return JSONLines
	}
	return CSV
}

var bom = []byte("\xef\xbb\xbf") // what spreadsheets write first

// Read reads a whole file; a fault names the line that cannot be read.
func Read(format string, body []byte) (Sheet, error) {
	body = bytes.TrimPrefix(body, bom)
	if bytes.HasPrefix(body, []byte("PK\x03\x04")) {
		return Sheet{}, fault.New(fault.Invalid, "This is a workbook. Save the sheet as CSV (UTF-8) and upload that.")
	}
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return Sheet{}, fault.New(fault.Invalid, "The file is not UTF-8 text (line %d). In a spreadsheet, save it as “CSV UTF-8”.", brokenLine(body))
	}
	var s Sheet
	var err error
	if format == JSONLines {
		s, err = readLines(body)
	} else {
		s, err = readCSV(body)
	}
	switch {
	case err != nil:
		return Sheet{}, err
	case len(s.Rows) == 0:
		return Sheet{}, fault.New(fault.Invalid, "The file has no rows. Its first line is the heading, one person a line below.")
	}
	return s, nil
}

func brokenLine(body []byte) int {
	line := 1
	for l := range bytes.Lines(body) {
		if !utf8.Valid(l) || bytes.IndexByte(l, 0) >= 0 {
			break
		}
		line++
	}
	return line
}

// separator is the one that the heading has most of: spreadsheets of some
// countries write semicolons, and copied cells have tabs.
func separator(body []byte) rune {
	head, _, _ := bytes.Cut(body, []byte("\n"))
	best, most := ',', 0
	for _, r := range []rune{',', ';', '\t', '|'} {
		if n := strings.Count(string(head), string(r)); n > most {
			best, most = r, n
		}
	}
	return best
}

func readCSV(body []byte) (Sheet, error) {
	in := csv.NewReader(bytes.NewReader(body))
	in.FieldsPerRecord, in.Comma = -1, separator(body)
	head, err := in.Read()
	if err != nil {
		return Sheet{}, fault.New(fault.Invalid, "The file needs a first line with the names of the columns.")
	}
	s := Sheet{Columns: trimAll(head)}
	if err := checkColumns(s.Columns); err != nil {
		return Sheet{}, err
	}
	for {
		record, err := in.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return s, nil
		case errors.As(err, &wrong):
			return Sheet{}, fault.New(fault.Invalid, "The quotes in line %d do not fit: a quote opens at the beginning of a value and closes at its end.", wrong.StartLine)
		case err != nil:
			return Sheet{}, fmt.Errorf("read CSV: %w", err)
		}
		line, _ := in.FieldPos(0)
		values := trimAll(record)
		if !slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			continue // an empty line, such as spreadsheets leave at the end
		}
		if len(values) > len(s.Columns) {
			return Sheet{}, fault.New(fault.Invalid, "Line %d has %d values, and the heading has %d columns.", line, len(values), len(s.Columns))
		}
		for len(values) < len(s.Columns) {
			values = append(values, "")
		}
		if err := s.add(line, values); err != nil {
			return Sheet{}, err
		}
	}
}

func trimAll(in []string) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = strings.TrimSpace(v)
	}
	return out
}

func checkColumns(columns []string) error {
	seen := map[string]bool{}
	for i, c := range columns {
		switch {
		case c == "":
			return fault.New(fault.Invalid, "Column %d has no name in the first line.", i+1)
		case seen[strings.ToLower(c)]:
			return fault.New(fault.Invalid, "Two columns are named %q. Give one of them another name.", c)
		}
		seen[strings.ToLower(c)] = true
	}
	if len(columns) > MaxColumns {
		return fault.New(fault.TooLarge, "The file has %d columns; up to %d are read.", len(columns), MaxColumns)
	}
	return nil
}

func (s *Sheet) add(line int, values []string) error {
	if len(s.Rows) == MaxRows {
		return fault.New(fault.TooLarge, "A list may have up to 100,000 people. Upload it in parts.")
	}
	for i, v := range values {
		if utf8.RuneCountInString(v) > MaxValue {
			return fault.New(fault.TooLarge, "In line %d, %s has more than 2,000 characters.", line, s.Columns[i])
		}
	}
	s.Rows = append(s.Rows, Row{line, values})
	return nil
}

// readLines reads one JSON object a line. The columns are the names in the order
// in which they first come up.
func readLines(body []byte) (Sheet, error) {
	var s Sheet
	var objects []map[string]string
	var lines []int
	at := map[string]bool{}
	n := 0
	for line := range bytes.Lines(body) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		names, values, err := readObject(line)
		if err != nil {
			return Sheet{}, fault.New(fault.Invalid, "Line %d is not right: %s", n, err)
		}
		for _, name := range names {
			if !at[name] {
				at[name] = true
				s.Columns = append(s.Columns, name)
			}
		}
		objects, lines = append(objects, values), append(lines, n)
	}
	if err := checkColumns(s.Columns); err != nil {
		return Sheet{}, err
	}
	for i, o := range objects {
		values := make([]string, len(s.Columns))
		for k, name := range s.Columns {
			values[k] = o[name]
		}
		if err := s.add(lines[i], values); err != nil {
			return Sheet{}, err
		}
	}
	return s, nil
}

// readObject reads a flat object; its names keep their order.
func readObject(line []byte) ([]string, map[string]string, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("it needs one JSON object, such as {\"worker\":\"4711\"}.")
	}
	var names []string
	values := map[string]string{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, nil, errors.New("it is not readable JSON.")
		}
		v, err := dec.Token()
		if err != nil {
			return nil, nil, errors.New("it is not readable JSON.")
		}
		if _, nested := v.(json.Delim); nested {
			return nil, nil, fmt.Errorf("%s holds a list or an object; only texts, numbers, true and false are read.", name)
		}
		if _, twice := values[name]; twice {
			return nil, nil, fmt.Errorf("%s is there twice.", name)
		}
		names = append(names, strings.TrimSpace(name))
		if values[name] = ""; v != nil {
			values[name] = strings.TrimSpace(fmt.Sprint(v))
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, errors.New("it is not readable JSON.")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("there is more than one JSON object in it.")
	}
	return names, values, nil
}
