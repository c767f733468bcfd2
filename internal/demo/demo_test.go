package demo_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/connector/hrisrest"
	"joinery/internal/connector/scim"
	"joinery/internal/connectortest"
	"joinery/internal/demo"
	"joinery/internal/fault"
	"joinery/internal/joiner"
	"joinery/internal/mail"
	"joinery/internal/secret"
)

// receiver takes webhooks and answers what the test wants.
type receiver struct {
	mu     sync.Mutex
	got    []connector.Delivery
	status []int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, connector.Delivery{Header: req.Header.Clone(), Body: body, At: time.Now()})
	status := http.StatusAccepted
	if len(r.status) > 0 {
		status, r.status = r.status[0], r.status[1:]
	}
	w.WriteHeader(status)
}

func (r *receiver) all() []connector.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]connector.Delivery(nil), r.got...)
}

func start(t *testing.T, dir, hook string) *demo.Company {
	t.Helper()
	if testing.Short() {
		t.Skip("opens listeners")
	}
	c, err := demo.Start(t.Context(), demo.Config{Dir: dir, HRISAddr: "127.0.0.1:0", DirectoryAddr: "127.0.0.1:0", MailAddr: "127.0.0.1:0", HookURL: hook, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return c
}

func stop(t *testing.T, c *demo.Company) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, c.Stop(ctx))
}

func settings(c *demo.Company, key string) connector.Settings {
	for _, s := range c.Connections() {
		if s.Key == key {
			return s
		}
	}
	panic(key)
}

// form posts a form and gives the page that comes.
func form(t *testing.T, address string, values url.Values) (int, string) {
	t.Helper()
	resp, err := http.PostForm(address, values)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

func person() url.Values {
	return url.Values{"first_name": {"Zoë"}, "last_name": {"Żółć"}, "department": {"Engineering"}, "title": {"Engineer"}, "location": {"Berlin"}, "start_date": {"2026-12-01"}, "worker_type": {"employee"}}
}

func hrisConn(t *testing.T, c *demo.Company) (connector.Conn, connector.Workers) {
	conn := connectortest.Open(t, hrisrest.Type{}, settings(c, demo.HRISKey), c.Credentials()[demo.HRISKey])
	return conn, conn.(connector.Workers)
}

func TestHireSendsASignedWebhook(t *testing.T) {
	t.Parallel()
	hook := &receiver{status: []int{503, 202}}
	server := listen(t, hook)
	dir := t.TempDir()
	c := start(t, dir, server)
	conn, workers := hrisConn(t, c)

	status, page := form(t, c.HRISURL+"/people", person())
	require.Equal(t, 200, status)
	require.Contains(t, page, "Żółć")
	require.Eventually(t, func() bool { return len(hook.all()) == 2 }, 3*time.Minute, 20*time.Millisecond, "a 503 is tried again")
	first, second := hook.all()[0], hook.all()[1]
	require.Equal(t, first.Header.Get("webhook-id"), second.Header.Get("webhook-id"))

	signers := []connector.Signer{{ID: "old", Value: secret.New("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}, {ID: "cr_1", Value: secret.New(c.Credentials()[demo.HRISKey][connector.WebhookSecret])}}
	signer, err := hrisrest.Type{}.Verify(nil, signers, second)
	require.NoError(t, err)
	require.Equal(t, "cr_1", signer)
	events, err := hrisrest.Type{}.Events(settings(c, demo.HRISKey).Settings, second)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "worker.hired", events[0].Type)
	require.Equal(t, second.Header.Get("webhook-id"), events[0].Key)

	w, err := workers.Worker(t.Context(), events[0].Worker)
	require.NoError(t, err)
	require.Equal(t, "Żółć", w.Text(joiner.LastName))
	require.Equal(t, "Europe/Berlin", w.Text(joiner.TimeZone))
	require.Equal(t, "2026-12-01", w.Text(joiner.StartDate))
	require.Equal(t, "planned", w.Text(joiner.Status))

	t.Run("write back", func(t *testing.T) {
		back := conn.(connector.WriteBack)
		require.NoError(t, back.UpdateWorker(t.Context(), w.ID, map[string]any{joiner.WorkEmail: "z@demo.example"}))
		w, err := workers.Worker(t.Context(), w.ID)
		require.NoError(t, err)
		require.Equal(t, "z@demo.example", w.Text(joiner.WorkEmail))
		require.Error(t, back.UpdateWorker(t.Context(), w.ID, map[string]any{joiner.Department: "Sales"}), "HR's own field")
	})
	t.Run("corrections and endings are told", func(t *testing.T) {
		v := person()
		v.Set("start_date", "2026-12-15")
		form(t, c.HRISURL+"/people/"+w.ID, v)
		form(t, c.HRISURL+"/people/"+w.ID+"/rescind", nil)
		require.Eventually(t, func() bool { return len(hook.all()) >= 5 }, 3*time.Minute, 20*time.Millisecond)
		var kinds []string
		for _, d := range hook.all()[2:] {
			es, err := hrisrest.Type{}.Events(settings(c, demo.HRISKey).Settings, d)
			require.NoError(t, err)
			kinds = append(kinds, es[0].Type)
		}
		require.Equal(t, []string{"worker.updated", "worker.start_moved", "worker.rescinded"}, kinds)
	})
	t.Run("paging", func(t *testing.T) {
		for range 55 {
			form(t, c.HRISURL+"/people", person())
		}
		seen, cursor := 0, ""
		for {
			page, next, err := workers.Changed(t.Context(), time.Time{}, cursor)
			require.NoError(t, err)
			seen += len(page)
			if cursor = next; cursor == "" {
				break
			}
		}
		require.Equal(t, 12+1+55, seen)
	})
	t.Run("test connection", func(t *testing.T) {
		for _, f := range conn.Test(t.Context()) {
			require.True(t, f.OK, "%s: %s", f.Title, f.Detail)
		}
		bad := connectortest.Open(t, hrisrest.Type{}, settings(c, demo.HRISKey), map[string]string{"token": "wrong"})
		fs := bad.Test(t.Context())
		require.False(t, fs[0].OK)
		require.Contains(t, fs[0].Detail, "does not accept the credentials")
	})
	stop(t, c)
}

// What was not delivered is delivered after the next start.
func TestWebhooksSurviveARestart(t *testing.T) {
	t.Parallel()
	hook := &receiver{status: []int{500, 500, 500, 500, 500, 500, 500, 500}}
	server := listen(t, hook)
	dir := t.TempDir()
	c := start(t, dir, server)
	form(t, c.HRISURL+"/people", person())
	require.Eventually(t, func() bool { return len(hook.all()) > 0 }, 3*time.Minute, 10*time.Millisecond)
	stop(t, c)
	n := len(hook.all())
	hook.mu.Lock()
	hook.status = nil
	hook.mu.Unlock()
	again := start(t, dir, server)
	require.Equal(t, c.Credentials(), again.Credentials(), "secrets are kept")
	require.Eventually(t, func() bool { return len(hook.all()) > n }, 3*time.Minute, 10*time.Millisecond)
	stop(t, again)
}

func TestHireRefusesBadInput(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir(), "http://127.0.0.1:1/")
	defer stop(t, c)
	v := person()
	v.Set("first_name", "")
	v.Set("start_date", "tomorrow")
	v.Set("last_name", strings.Repeat("x", 300))
	v.Set("location", "Atlantis")
	status, page := form(t, c.HRISURL+"/people", v)
	require.Equal(t, 422, status)
	for _, s := range []string{"First name is needed", "date like 2026-12-01", "up to 200 characters", "Choose one of the locations"} {
		require.Contains(t, page, s)
	}
	require.Contains(t, page, "tomorrow", "what was typed is kept")
	v = person()
	v.Set("first_name", `<script>alert(1)</script>`)
	_, page = form(t, c.HRISURL+"/people", v)
	require.NotContains(t, page, "<script>")
	require.False(t, regexp.MustCompile(`style="|<style|onclick`).MatchString(page))
	req, err := http.NewRequest("POST", c.HRISURL+"/people", strings.NewReader(person().Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 403, resp.StatusCode)
}

func TestDirectoryConformance(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir(), "http://127.0.0.1:1/")
	t.Cleanup(func() { stop(t, c) })
	u, err := url.Parse(c.DirectoryURL)
	require.NoError(t, err)
	resp, err := post(c.DirectoryURL+"/scim/v2/Users", c.Credentials()[demo.DirectoryKey]["token"], `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"stranger"}`)
	require.NoError(t, err)
	require.Equal(t, 201, resp)
	connectortest.RunDirectory(t, connectortest.Directory{
		Open: func(t testing.TB, o connectortest.Options) connector.Conn {
			s, token := settings(c, demo.DirectoryKey), c.Credentials()[demo.DirectoryKey]["token"]
			s.Private = []string{"127.0.0.1"}
			if o.Address != "" {
				s.Settings["base_url"] = "http://" + o.Address + "/scim/v2"
			}
			if o.Timeout > 0 {
				s.Settings["timeout"] = o.Timeout.String()
			}
			if o.Password != "" {
				token = o.Password
			}
			return connectortest.Open(t, scim.Type{}, s, map[string]string{"token": token})
		},
		Target: u.Host,
		Attributes: func(string) map[string]any {
			return map[string]any{"name.givenName": "Test", "name.familyName": "Person", "emails.work": strings.ToLower(rand.Text()) + "@demo.example"}
		},
		Field: "title", Wide: "displayName", Group: "engineering", Foreign: "stranger",
	})
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir(), "http://127.0.0.1:1/")
	defer stop(t, c)
	s, err := mail.New(c.MailURL, time.Now)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, s.Send(t.Context(), mail.Message{ID: "once", To: []string{"it@demo.example"}, Subject: "Zoë is there", Text: "hello"}))
	}
	resp, err := http.Get(c.HRISURL)
	require.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(page), "Zoë is there"), "a repeated message is shown once")
}

func TestS68_S73_WebhookSignatures(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	key := "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	body := []byte(`{"type":"worker.hired","data":{"worker_id":"1"}}`)
	delivery := func(change func(h http.Header)) connector.Delivery {
		signed, err := hrisrest.Sign(key, "evt_1", now, body)
		require.NoError(t, err)
		h := http.Header{}
		for k, v := range signed {
			h.Set(k, v)
		}
		if change != nil {
			change(h)
		}
		return connector.Delivery{Header: h, Body: body, At: now}
	}
	signers := []connector.Signer{{ID: "cr", Value: secret.New(key)}}
	ok := delivery(nil)
	_, err := hrisrest.Type{}.Verify(nil, signers, ok)
	require.NoError(t, err)
	two := delivery(func(h http.Header) { h.Set("webhook-signature", "v1,AAAA "+h.Get("webhook-signature")) })
	_, err = hrisrest.Type{}.Verify(nil, signers, two)
	require.NoError(t, err, "one of several signatures counts")

	old, ahead, tampered := ok, ok, ok
	old.At, ahead.At = now.Add(6*time.Minute), now.Add(-6*time.Minute)
	tampered.Body = []byte(strings.Replace(string(body), "1", "2", 1))
	for name, d := range map[string]connector.Delivery{
		"stale": old, "from the future": ahead, "tampered": tampered,
		"unsigned":   delivery(func(h http.Header) { h.Del("webhook-signature") }),
		"no id":      delivery(func(h http.Header) { h.Del("webhook-id") }),
		"another id": delivery(func(h http.Header) { h.Set("webhook-id", "evt_2") }),
		"another version": delivery(func(h http.Header) {
			h.Set("webhook-signature", strings.Replace(h.Get("webhook-signature"), "v1,", "v2,", 1))
		}),
		"bad timestamp":     delivery(func(h http.Header) { h.Set("webhook-timestamp", "now") }),
		"endless signature": delivery(func(h http.Header) { h.Set("webhook-signature", strings.Repeat("v1,AAAA ", 2000)) }),
	} {
		_, err := hrisrest.Type{}.Verify(nil, signers, d)
		require.True(t, fault.Is(err, fault.Unauthenticated), name)
	}
	_, err = hrisrest.Type{}.Verify(nil, nil, ok)
	require.ErrorContains(t, err, "no webhook secret")

	for _, bad := range []string{"", "x", "[]", "{}", `{"type":"worker.hired"}`, `{"type":5,"data":{"worker_id":"1"}}`, "{\"type\":\"\xff\"}", `{"type":"a"}{"type":"b"}`, `{"events":[1]}`} {
		d := ok
		d.Body = []byte(bad)
		_, err := hrisrest.Type{}.Events(nil, d)
		require.True(t, fault.Is(err, fault.Invalid), bad)
	}
	d := ok
	d.Body = []byte(`{"events":[{"type":"worker.hired","data":{"worker_id":4711}},{"type":"ping"},{"type":"worker.updated","data":{"worker_id":"2","changed":["title"]}}]}`)
	events, err := hrisrest.Type{}.Events(nil, d)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, "4711", events[0].Worker)
	require.NotEqual(t, events[0].Key, events[1].Key)
}

// An HRIS that answers badly gives sentences, not surprises.
func TestBadHRIS(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		"1": {200, `{"id":"2"}`, fault.Invalid, "another worker"},
		"3": {200, `<html>`, fault.Invalid, "not JSON"},
		"4": {200, "{\"id\":\"4\",\"last_name\":\"\xff\"}", fault.Invalid, "UTF-8"},
		"5": {200, `{"id":"5","last_name":"` + strings.Repeat("x", 3<<20) + `"}`, fault.Invalid, "longer than"},
		"6": {200, `{"id":"6","start_date":"soon"}`, fault.Invalid, "not a date"},
		"7": {500, `{"message":"database is down"}`, fault.Unavailable, "database is down"},
		"8": {403, `{}`, fault.Invalid, "does not let this account"},
		"9": {404, ``, fault.NotFound, "no worker 9"},
		"a": {200, `[]`, fault.Invalid, "no worker where"},
		"b": {302, ``, fault.Invalid, "sends us elsewhere"},
		"c": {200, `{"id":"c","last_name":"` + strings.Repeat("x", 10<<20) + `"}`, fault.TooLarge, ""},
	}
	server := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[strings.TrimPrefix(r.URL.Path, "/workers/")]
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	conn := connectortest.Open(t, hrisrest.Type{}, connector.Settings{Key: "hr", Name: "HR", Type: "hris-rest", Settings: map[string]any{"base_url": server}, Private: []string{"127.0.0.1"}}, map[string]string{"token": "x"})
	for id, a := range answers {
		_, err := conn.(connector.Workers).Worker(t.Context(), id)
		require.Error(t, err, id)
		if id != "c" {
			require.Equal(t, a.kind, fault.KindOf(err), "%s: %v", id, err)
			require.Contains(t, fault.Sentence(err), a.says, id)
		}
	}
}
