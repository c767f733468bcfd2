package connectortest

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	spec "github.com/pb33f/libopenapi-validator/errors"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed specs/*.json
var specs embed.FS

// Spec is a vendor's description of its API, which judges what is said between a
// connector and a server of ours.
type Spec struct {
	t         testing.TB
	validator validator.Validator
	compiler  *jsonschema.Compiler
	name      string
}

// LoadSpec reads specs/NAME.json.
func LoadSpec(t testing.TB, name string) *Spec {
	t.Helper()
	raw, err := specs.ReadFile("specs/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	s := &Spec{t: t, name: name, compiler: jsonschema.NewCompiler()}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	s.compiler.AssertFormat()
	if err := s.compiler.AddResource(name+".json", doc); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, "-webhooks") {
		return s
	}
	parsed, err := libopenapi.NewDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(parsed, config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	s.validator = v
	return s
}

// Judge holds every request to the description before next sees it, and every
// answer before it is sent. A server that misbehaves on purpose sets the header
// X-Odd on its answer, which is then sent unjudged (and without that header).
func (s *Spec) Judge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "the request broke off", http.StatusBadRequest)
			return
		}
		fresh := func() *http.Request {
			c := r.Clone(r.Context())
			c.Body = io.NopCloser(bytes.NewReader(body))
			return c
		}
		if ok, errs := s.validator.ValidateHttpRequestSync(fresh()); !ok {
			s.t.Errorf("%s %s does not follow %s:%s", r.Method, r.URL, s.name, explain(errs))
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, fresh())
		if r.Context().Err() != nil {
			return // nobody waits for it any more
		}
		if odd := rec.Header().Get("X-Odd"); odd == "" && !anyService(rec.Code) {
			if ok, errs := s.validator.ValidateHttpResponse(fresh(), rec.Result()); !ok {
				s.t.Errorf("the answer %d to %s %s does not follow %s:%s", rec.Code, r.Method, r.URL, s.name, explain(errs))
			}
		}
		rec.Header().Del("X-Odd")
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()) // the caller may be gone
	})
}

// anyService tells statuses that any HTTP service gives and descriptions leave out.
func anyService(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// Schema judges a value that is no answer, such as a webhook's body: pointer is
// its schema's place, "/components/schemas/X".
func (s *Spec) Schema(pointer string, body []byte) error {
	schema, err := s.compiler.Compile(s.name + ".json#" + pointer)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func explain(errs []*spec.ValidationError) string {
	var b strings.Builder
	for _, e := range errs {
		fmt.Fprintf(&b, "\n  %s: %s", e.Message, e.Reason)
		for _, x := range e.SchemaValidationErrors {
			fmt.Fprintf(&b, "\n    %s %s", x.FieldPath, x.Reason)
		}
	}
	return b.String()
}
