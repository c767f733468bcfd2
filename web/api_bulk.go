package web

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

// Bounds of one list.
const (
	maxBulk       = 100_000
	bulkBodyLimit = 16 << 20
	maxProblems   = 100
)

var bulkPath = regexp.MustCompile(`^/api/v1/flows/[^/?]+/(bulk|lists)(\?|$)`)

// bodyLimits lets a list of workers be larger than other bodies, if it comes with
// a token. It is asked once the header is read and before the body is.
func bodyLimits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	token, session := bytes.HasPrefix(h.Peek("Authorization"), []byte("Bearer jnr_")), len(h.Cookie("joinery"))+len(h.Cookie("__Host-joinery")) > 0
	if token && bulkPath.Match(h.RequestURI()) || session && uploadPath.Match(h.RequestURI()) {
		return fasthttp.RequestConfig{MaxRequestBodySize: bulkBodyLimit}
	}
	return fasthttp.RequestConfig{}
}

// apiBulk starts a live run of each worker in a list; all of them or none. More than
// one person may bring in is parked whole, and a second person is asked.
func (s *Server) apiBulk(c *fiber.Ctx, who auth.Actor) error {
	l, err := readBulk(c)
	if err != nil {
		return err
	}
	again, err := repeatOf(c)
	if err != nil {
		return err
	}
	out, err := s.DB.StartRuns(c.UserContext(), who, postgres.Start{Flow: c.Params("key"), Mode: run.Live, Workers: l.workers, Many: true, Repeat: again})
	if err != nil {
		return err
	}
	repeated(c, out.Again)
	s.kick()
	answer := map[string]any{"runs": len(out.IDs), "ids": out.IDs, "repeated": problemsOf(l.repeated)}
	if out.Lift != "" {
		answer["second_person"] = map[string]any{"request": out.Lift, "why": out.Why}
	}
	return sendJSON(c, http.StatusAccepted, answer)
}

// bulkList is a list of workers as it is read: what is right, and what is not.
type bulkList struct {
	workers  []string
	lines    map[string]int
	repeated []fault.Problem
	problems []fault.Problem
	wrong    int
}

func readBulk(c *fiber.Ctx) (*bulkList, error) {
	media, _, _ := mime.ParseMediaType(c.Get("Content-Type"))
	l := &bulkList{lines: map[string]int{}}
	body := bytes.TrimPrefix(c.Body(), []byte("\xef\xbb\xbf")) // what spreadsheets write first
	var err error
	switch media {
	case "text/csv":
		err = l.readCSV(body)
	case "application/jsonl", "application/x-ndjson":
		l.readLines(body)
	default:
		err = fault.New(fault.Unsupported, "Send the list as text/csv or application/jsonl.")
	}
	switch {
	case err != nil:
		return nil, err
	case len(l.workers)+len(l.repeated)+l.wrong > maxBulk:
		return nil, fault.New(fault.TooLarge, "A list may have up to 100,000 workers. Send it in parts.")
	case l.wrong > 0:
		sentence := "Nothing was started, because some lines are not right."
		if l.wrong > maxProblems {
			sentence = fmt.Sprintf("Nothing was started, because %d lines are not right; here are the first %d.", l.wrong, maxProblems)
		}
		return nil, fault.Refuse(sentence, l.problems)
	case len(l.workers) == 0:
		return nil, badRequest("The list is empty.")
	}
	return l, nil
}

// add takes one worker. One that is there already is started once.
func (l *bulkList) add(line int, worker string) {
	worker = strings.TrimSpace(worker)
	if err := joiner.CheckWorker(worker); err != nil {
		l.refuse(line, fault.Sentence(err))
		return
	}
	if first, ok := l.lines[worker]; ok {
		l.repeated = append(l.repeated, fault.Problem{Path: lineOf(line), Detail: fmt.Sprintf("The worker %s is in line %d already and was started once.", worker, first)})
		return
	}
	l.lines[worker] = line
	l.workers = append(l.workers, worker)
}

func (l *bulkList) refuse(line int, detail string) {
	if l.wrong++; l.wrong <= maxProblems {
		l.problems = append(l.problems, fault.Problem{Path: lineOf(line), Detail: detail})
	}
}

func lineOf(n int) string { return fmt.Sprintf("line %d", n) }

// readCSV reads one column with the heading worker.
func (l *bulkList) readCSV(body []byte) error {
	in := csv.NewReader(bytes.NewReader(body))
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	head, err := in.Read()
	if err != nil || strings.TrimSpace(head[0]) != "worker" {
		return badRequest("The CSV needs a first line with the heading worker.")
	}
	if len(head) > 1 {
		return badRequest("The CSV has %d columns; it needs one, with the heading worker.", len(head))
	}
	for {
		record, err := in.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &wrong):
			// A quote that does not close swallows what follows, so nothing after it can be judged.
			l.refuse(wrong.StartLine, "The quotes in this line do not fit.")
			return nil
		case err != nil:
			return err
		}
		line, _ := in.FieldPos(0)
		if len(record) > 1 {
			l.refuse(line, fmt.Sprintf("This line has %d fields; the heading has one.", len(record)))
			continue
		}
		l.add(line, record[0])
	}
}

// readLines reads one JSON object in each line; empty lines are nothing.
func (l *bulkList) readLines(body []byte) {
	n := 0
	for line := range bytes.Lines(body) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var in struct {
			Worker *string `json:"worker"`
		}
		if !utf8.Valid(line) {
			l.refuse(n, "This line is not valid UTF-8.")
			continue
		}
		switch f := readObject(line, &in); {
		case f != nil:
			l.refuse(n, strings.Replace(f.Sentence, "in this request", "in a line; only worker", 1))
		case in.Worker == nil:
			l.refuse(n, "This line has no worker.")
		default:
			l.add(n, *in.Worker)
		}
	}
}
