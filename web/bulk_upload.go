package web

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"joinery/internal/auth"
	"joinery/internal/bulk"
	"joinery/internal/fault"
	"joinery/internal/review"
	pages "joinery/views/bulk"
	"joinery/views/ui"
)

// uploadPath are the places that take a form with a file.
var uploadPath = regexp.MustCompile(`^/(flows/[^/?]+/bulk|import)$`)

// uploaded gives a field of a form with a file; ok is false elsewhere.
func uploaded(c *fasthttp.RequestCtx, name string) (value []byte, ok bool) {
	if !uploadPath.Match(c.Path()) || !strings.HasPrefix(string(c.Request.Header.ContentType()), "multipart/form-data") {
		return nil, false
	}
	form, err := c.MultipartForm()
	if err != nil || len(form.Value[name]) == 0 {
		return nil, true
	}
	return []byte(form.Value[name][0]), true
}

// bulkNew is GET /flows/:key/bulk.
func (s *Server) bulkNew(c *fiber.Ctx, who auth.Actor) error { return s.bulkForm(c, who, "", nil) }

func (s *Server) bulkForm(c *fiber.Ctx, who auth.Actor, text string, refused error) error {
	a, err := s.DB.Artifact(c.UserContext(), review.Flow, c.Params("key"))
	if err != nil {
		return err
	}
	p := pages.NewPage{Head: ui.Head{Title: "Bring in a list", Text: "Through the flow " + a.Name + ". Nothing starts before you have seen what would happen."}, Action: "/flows/" + a.Key + "/bulk", CancelURL: "/flows/" + a.Key, Text: text,
		Help: []string{"Next you say what each column is, then a forecast shows who would come through, which names collide, and which groups and licences follow. After that a few are started first, and the rest when those went well."}}
	status := 0
	if refused != nil {
		p.Notices, status = []ui.Notice{refusal(refused)}, http.StatusUnprocessableEntity
	} else if a.Live == nil {
		p.Notices = []ui.Notice{{Tone: "warn", Text: "This flow is not live, so no list can be started with it. Have a revision approved first."}}
	}
	return s.show(c, who, frame{Title: p.Head.Title, Nav: "/bulk", Crumbs: append(crumbsOf(review.Flow), ui.Link{Text: a.Name, URL: "/flows/" + a.Key}), Status: status}, pages.New(p))
}

// bulkUpload is POST /flows/:key/bulk.
func (s *Server) bulkUpload(c *fiber.Ctx, who auth.Actor) error {
	text := c.FormValue("text")
	name, body, err := sentFile(c)
	if err != nil {
		return s.bulkForm(c, who, text, err)
	}
	if len(body) == 0 {
		name, body = "pasted", []byte(text)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return s.bulkForm(c, who, text, fault.New(fault.Invalid, "Choose a file, or paste the cells of a spreadsheet."))
	}
	format := bulk.FormatOf(name, body)
	sheet, err := bulk.Read(format, body)
	if err != nil {
		return s.bulkForm(c, who, text, err)
	}
	id, err := s.DB.CreateList(c.UserContext(), who, c.Params("key"), name, format, sheet)
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) {
		return s.bulkForm(c, who, text, err)
	}
	if err != nil {
		return err
	}
	return s.done(c, "/bulk/"+id, fmt.Sprintf("%s read. Nothing has started yet.", plural(len(sheet.Rows), "row was", "rows were")))
}

func sentFile(c *fiber.Ctx) (string, []byte, error) {
	if !strings.HasPrefix(c.Get("Content-Type"), "multipart/form-data") {
		return "", nil, nil
	}
	form, err := c.MultipartForm()
	if err != nil {
		return "", nil, fault.Wrap(fault.Invalid, err, "The form did not arrive whole. Send it again.")
	}
	files := form.File["file"]
	if len(files) == 0 || files[0].Size == 0 {
		return "", nil, nil
	}
	f, err := files[0].Open()
	if err != nil {
		return "", nil, fmt.Errorf("open upload: %w", err)
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(f)
	if err != nil {
		return "", nil, fmt.Errorf("read upload: %w", err)
	}
	return files[0].Filename, body, nil
}
