package web

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/views/artifacts"
	"joinery/views/ui"
)

// maxImport bounds what a ZIP may unpack to, in bytes.
const maxImport = 4 << 20

// importNew is GET /import.
func (s *Server) importNew(c *fiber.Ctx, who auth.Actor) error {
	return s.importPage(c, who, "", nil, nil)
}

// importTake is POST /import: it judges what came, or saves exactly what was judged.
func (s *Server) importTake(c *fiber.Ctx, who auth.Actor) error {
	text := strings.ReplaceAll(c.FormValue("text"), "\r\n", "\n")
	name, body, err := sentFile(c)
	if err == nil && len(body) > 0 {
		text, err = fileText(name, body)
	}
	if err != nil {
		return s.importPage(c, who, text, nil, err)
	}
	parts, err := s.kinds().ReadParts([]byte(text))
	if err != nil {
		return s.importPage(c, who, text, nil, err)
	}
	all, err := s.judgeParts(c, parts)
	if err != nil {
		return err
	}
	if c.FormValue("op") != "save" {
		return s.importPage(c, who, text, all, nil)
	}
	if len(body) > 0 || c.FormValue("seen") != seenHash(text) {
		return s.importPage(c, who, text, all, fault.New(fault.Conflict, "The text is another one than you looked at. Look at what it would make now; nothing was saved."))
	}
	saves, err := s.chosen(c, all)
	if err == nil {
		_, err = s.DB.SaveTogether(c.UserContext(), who, saves)
	}
	if badContent(err) {
		return s.importPage(c, who, text, all, err)
	}
	if err != nil {
		return err
	}
	to := "/flows"
	if n := len(saves); saves[n-1].Doc.Kind == review.Flow && (n == 1 || saves[n-2].Doc.Kind != review.Flow) {
		to += "/" + saves[n-1].Doc.Key
	}
	return s.done(c, to, plural(len(saves), "revision is", "revisions are")+" saved. Look at them, then submit them for review.")
}

func seenHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fileText gives the text of a file; the files of a ZIP one after the other.
func fileText(name string, body []byte) (string, error) {
	if !bytes.HasPrefix(body, []byte("PK\x03\x04")) {
		return strings.ReplaceAll(string(body), "\r\n", "\n"), nil
	}
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The file %s is not a whole ZIP. Export it again.", clipText(name, 60))
	}
	var out strings.Builder
	slices.SortFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range z.File {
		if ext := path.Ext(f.Name); f.FileInfo().IsDir() || ext != ".yaml" && ext != ".yml" && ext != ".json" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return "", fault.Wrap(fault.Invalid, err, "The ZIP cannot be read. Export it again.")
		}
		text, err := io.ReadAll(io.LimitReader(r, int64(maxImport-out.Len()+1)))
		_ = r.Close()
		if err != nil {
			return "", fault.Wrap(fault.Invalid, err, "The ZIP cannot be read. Export it again.")
		}
		if out.Len()+len(text) > maxImport {
			return "", fault.New(fault.TooLarge, "The ZIP holds more than 4 MB. Bring it in in several goes.")
		}
		if out.Len() > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "# %s\n%s\n", strings.Map(printable, f.Name), bytes.TrimSuffix(text, []byte("\n")))
	}
	return out.String(), nil
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// brought is one content beside what is there.
type brought struct {
	artifact.Part
	// head and hash are of what is there; 0 and "" when nothing is.
	head     int
	hash     string
	name     string
	problems []fault.Problem
	words    []string
	diff     []ui.DiffLine
	wrong    string
}

func (j brought) readable() bool { return j.Err == nil && j.wrong == "" }
func (j brought) same() bool     { return j.head > 0 && j.hash == j.Doc.Hash }

// judgeParts looks at each part beside what is there, and beside the others.
func (s *Server) judgeParts(c *fiber.Ctx, parts []artifact.Part) ([]brought, error) {
	var out []brought
	var docs []artifact.Doc
	seen := map[artifact.Ref]int{}
	for _, p := range parts {
		j := brought{Part: p}
		ref := artifact.Ref{Kind: p.Kind, Key: p.Doc.Key}
		switch first, twice := seen[ref]; {
		case p.Err != nil:
		case p.Kind == review.Connection:
			j.wrong = "Connections are not brought in here: make one under Connections, where its credentials are set too."
		case twice:
			j.wrong = fmt.Sprintf("It is there twice: the first begins at line %d. Keep one of them.", first)
		default:
			seen[ref] = p.Line
			docs = append(docs, p.Doc)
		}
		out = append(out, j)
	}
	for i := range out {
		if j := &out[i]; j.readable() {
			if err := s.beside(c, j, docs); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (s *Server) beside(c *fiber.Ctx, j *brought, docs []artifact.Doc) error {
	ctx, d := c.UserContext(), j.Doc
	var err error
	if j.problems, err = s.DB.Problems(ctx, d.Kind, d.Content, docs...); err != nil {
		return err
	}
	a, err := s.DB.Artifact(ctx, d.Kind, d.Key)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if j.head, j.hash, j.name = a.Head, a.HeadHash, a.Name; a.Head == 0 || j.same() {
		return nil
	}
	rev, err := s.DB.Revision(ctx, d.Kind, d.Key, 0)
	if err != nil {
		return err
	}
	j.words, j.diff, err = s.changes(d.Kind, rev.Content, string(d.Content))
	return err
}

// chosen makes of what was judged what is to be saved: policies and functions first.
func (s *Server) chosen(c *fiber.Ctx, all []brought) ([]postgres.Save, error) {
	names, taken := map[artifact.Ref]string{}, map[artifact.Ref]bool{}
	var problems []fault.Problem
	for i, j := range all {
		if !j.readable() {
			return nil, fault.New(fault.Invalid, "Something cannot be read. Nothing was saved.")
		}
		if j.head > 0 && !j.same() && c.FormValue(fmt.Sprintf("as.%d", i)) == "other" {
			key := strings.TrimSpace(c.FormValue(fmt.Sprintf("key.%d", i)))
			if err := artifact.CheckKey(key); err != nil {
				problems = append(problems, fault.Problem{Path: fmt.Sprintf("key.%d", i), Detail: fault.Sentence(err)})
			} else if _, err := s.DB.Artifact(c.UserContext(), j.Kind, key); !fault.Is(err, fault.NotFound) {
				problems = append(problems, fault.Problem{Path: fmt.Sprintf("key.%d", i), Detail: "There is already a " + string(j.Kind) + " with the key " + key + "."})
			}
			names[artifact.Ref{Kind: j.Kind, Key: j.Doc.Key}] = key
		}
	}
	if err := fault.Refuse("Some fields are not right yet. Nothing was saved.", problems); err != nil {
		return nil, err
	}
	var out []postgres.Save
	for i, j := range all {
		ref := artifact.Ref{Kind: j.Kind, Key: j.Doc.Key}
		key, base := j.Doc.Key, j.head
		if to, ok := names[ref]; ok {
			key, base = to, 0
		} else if c.FormValue(fmt.Sprintf("as.%d", i)) == "leave" {
			continue
		}
		d, err := s.kinds().Renamed(j.Doc, key, names)
		if err != nil {
			return nil, err
		}
		if base > 0 && c.FormValue(fmt.Sprintf("base.%d", i)) != itoa(base) {
			return nil, fault.New(fault.Conflict, "The %s %s was changed after you looked at it. Look at it again; nothing was saved.", d.Kind, d.Key)
		}
		if d.Hash == j.hash && base > 0 {
			continue // the very same is there
		}
		if ref.Key = key; taken[ref] {
			return nil, fault.New(fault.Invalid, "Two of them would get the key %s. Choose another one. Nothing was saved.", key)
		}
		taken[ref] = true
		message := strings.TrimSpace(c.FormValue("message"))
		if message == "" {
			message = "Brought in from a file"
		}
		out = append(out, postgres.Save{Doc: d, Message: message, Base: base, Via: "console"})
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "There is nothing to save: all of it is there already, or left out.")
	}
	order := []review.Kind{review.Policy, review.Function, review.Flow}
	slices.SortStableFunc(out, func(a, b postgres.Save) int {
		return slices.Index(order, a.Doc.Kind) - slices.Index(order, b.Doc.Kind)
	})
	return out, nil
}

func (s *Server) importPage(c *fiber.Ctx, who auth.Actor, text string, all []brought, refused error) error {
	p := artifacts.ImportPage{Head: ui.Head{Title: "Import", Text: "Flows, and the policies and functions that they use, from files. First you see what they would make; nothing is saved before."}, CancelURL: "/flows", Text: text, Message: c.FormValue("message")}
	status, wrong := 0, map[string]string{}
	if refused != nil {
		p.Notices, status = []ui.Notice{refusal(refused)}, http.StatusUnprocessableEntity
		for _, x := range fault.Problems(refused) {
			wrong[x.Path] = x.Detail
			p.Notices[0].Items = nil // told at the fields
		}
	}
	if all != nil {
		p.Seen, p.Ready = seenHash(text), true
	}
	news := false
	for i, j := range all {
		part := importPart(i, j, c, wrong)
		p.Ready = p.Ready && j.readable()
		news = news || !j.same()
		p.Parts = append(p.Parts, part)
	}
	switch {
	case all == nil || refused != nil:
	case !p.Ready:
		p.Notices = append(p.Notices, ui.Notice{Tone: "bad", Text: "Something cannot be brought in, so nothing can be saved yet. Put it right below, and look again."})
	case !news:
		p.Ready = false
		p.Notices = append(p.Notices, ui.Notice{Tone: "good", Text: "All of it is there already, the very same. There is nothing to save."})
	default:
		p.Notices = append(p.Notices, ui.Notice{Tone: "info", Text: "This is what would be saved. All of it, or nothing."})
	}
	return s.show(c, who, frame{Title: "Import", Nav: "/flows", Crumbs: crumbsOf(review.Flow), Status: status}, artifacts.Import(p))
}

func importPart(i int, j brought, c *fiber.Ctx, wrong map[string]string) artifacts.ImportPart {
	kind := string(j.Kind)
	out := artifacts.ImportPart{Title: fmt.Sprintf("From line %d: a %s", j.Line, kind), Badge: ui.Badge{Tone: "bad", Text: "Cannot be read"}, Diff: j.diff, Words: j.words}
	if j.Err != nil {
		out.Say = fault.Sentence(j.Err)
		for _, p := range fault.Problems(j.Err) {
			switch n := j.LineOf(p.Path); {
			case !strings.Contains(out.Say, p.Detail):
				out.Problems = append(out.Problems, withLine(j.Part, p))
			case n > 0:
				out.Say = fmt.Sprintf("Line %d: %s", n, out.Say)
			}
		}
		if m := unknownField.FindStringSubmatch(out.Say); m != nil {
			if n := fieldLine(c.FormValue("text"), j.Line, m[1]); n > 0 {
				out.Say = fmt.Sprintf("Line %d: %s", n, out.Say)
			}
		}
		return out
	}
	out.Title = strings.ToUpper(kind[:1]) + kind[1:] + " " + j.Doc.Key + " (" + j.Doc.Name + ")"
	if j.wrong != "" {
		out.Badge.Text, out.Say = "Not possible", j.wrong
		return out
	}
	for _, p := range j.problems {
		out.Problems = append(out.Problems, withLine(j.Part, p))
	}
	switch {
	case j.head == 0:
		out.Badge, out.Say = ui.Badge{Tone: "good", Text: "New"}, "There is no "+kind+" with this key yet. It becomes revision 1."
	case j.same():
		out.Badge, out.Say = ui.Badge{Tone: "neutral", Text: "Same"}, fmt.Sprintf("Revision %d is the very same. Nothing is made.", j.head)
		return out
	default:
		out.Badge = ui.Badge{Tone: "warn", Text: "Differs"}
		out.Say = fmt.Sprintf("There is a %s with this key, “%s”, and its revision %d is another one.", kind, j.name, j.head)
		out.Fields = clashFields(i, j, c, wrong)
	}
	if n := len(out.Problems); n > 0 {
		out.Say += " It can be saved, and not be submitted before " + plural(n, "problem is", "problems are") + " solved:"
	}
	return out
}

// clashFields ask what becomes of a content whose key is taken.
func clashFields(i int, j brought, c *fiber.Ctx, wrong map[string]string) []ui.Field {
	as := c.FormValue(fmt.Sprintf("as.%d", i))
	choice := ui.Field{Name: fmt.Sprintf("as.%d", i), Label: "What becomes of it", Input: "select"}
	for _, o := range [][2]string{{"revision", fmt.Sprintf("Revision %d of the %s %s", j.head+1, j.Kind, j.Doc.Key)}, {"other", "Another " + string(j.Kind) + ", with the key below"}, {"leave", "Nothing: what is there stays"}} {
		choice.Options = append(choice.Options, ui.Option{Value: o[0], Label: o[1], Selected: o[0] == as})
	}
	key := ui.Field{Name: fmt.Sprintf("key.%d", i), Label: "Another key", Value: c.FormValue(fmt.Sprintf("key.%d", i)), MaxLength: 63, Error: wrong[fmt.Sprintf("key.%d", i)], Help: "What comes with it uses it under this key. It never changes.", ShowField: choice.Name, ShowIn: "other"}
	return []ui.Field{choice, key, {Name: fmt.Sprintf("base.%d", i), Input: "hidden", Value: itoa(j.head)}}
}

func withLine(p artifact.Part, x fault.Problem) string {
	text := x.Detail
	if x.Path != "" && !strings.HasPrefix(x.Path, "line ") {
		text = x.Path + ": " + text
	}
	if n := p.LineOf(x.Path); n > 0 {
		return fmt.Sprintf("Line %d: %s", n, text)
	}
	return text
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// fieldLine finds the first line from one on that begins with a field.
func fieldLine(text string, from int, field string) int {
	for i, l := range strings.Split(text, "\n") {
		if l = strings.TrimLeft(l, " -{\""); i+1 >= from && strings.HasPrefix(l, field) && strings.HasPrefix(strings.TrimLeft(l[len(field):], `" `), ":") {
			return i + 1
		}
	}
	return 0
}
