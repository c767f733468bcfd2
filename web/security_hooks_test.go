package web

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/connector"
	"joinery/internal/pgtest"
	"joinery/internal/postgres"
)

// vector signs as the standard says, without the library that checks it.
func vector(secret []byte, parts ...string) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(strings.Join(parts, ".")))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func hookBytes(t *testing.T) []byte {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookKey, "whsec_"))
	require.NoError(t, err)
	return raw
}

// deliver posts a delivery with exactly these headers.
func (i *intake) deliver(body []byte, headers ...string) (int, string, http.Header) {
	i.t.Helper()
	req := httptest.NewRequest(post, "/hooks/hr", bytes.NewReader(body))
	req.Host = i.s.base.Host
	req.Header.Set("Content-Type", "application/json")
	for n := 0; n < len(headers); n += 2 {
		req.Header.Add(headers[n], headers[n+1])
	}
	resp, err := i.app.Test(req, 20_000)
	require.NoError(i.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(i.t, err)
	return resp.StatusCode, string(raw), resp.Header
}

func TestS68_S69_SignatureVectors(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	key, now := hookBytes(t), strconv.FormatInt(time.Now().Unix(), 10)
	body := string(hired("4711"))
	good := vector(key, "evt_1", now, body)
	headers := func(id, stamp, signature string) []string {
		return []string{"webhook-id", id, "webhook-timestamp", stamp, "webhook-signature", signature}
	}
	status, out, _ := i.deliver([]byte(body), headers("evt_1", now, "v1,"+good)...)
	require.Equal(t, 202, status, out)
	flip := func(b []byte, bit int) []byte {
		c := bytes.Clone(b)
		c[bit/8] ^= 1 << (bit % 8)
		return c
	}
	other := func(n int64) string {
		v, _ := strconv.ParseInt(now, 10, 64)
		return strconv.FormatInt(v+n, 10)
	}
	refused := map[string][]string{
		"timestamp a second later": headers("evt_2", other(1), "v1,"+vector(key, "evt_2", now, body)), "another id": headers("evt_3", now, "v1,"+vector(key, "evt_2", now, body)),
		"another order": headers("evt_2", now, "v1,"+vector(key, now, "evt_2", body)), "no dots": headers("evt_2", now, "v1,"+vector(key, "evt_2"+now+body)), "body only": headers("evt_2", now, "v1,"+vector(key, body)), "hex": headers("evt_2", now, "v1,"+hexOf(vector(key, "evt_2", now, body))),
		"url base64": headers("evt_2", now, "v1,"+strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(vector(key, "evt_2", now, body))), "no version": headers("evt_2", now, vector(key, "evt_2", now, body)), "another version": headers("evt_2", now, "v1a,"+vector(key, "evt_2", now, body)),
		"cut short": headers("evt_2", now, "v1,"+vector(key, "evt_2", now, body)[:40]), "empty signature": headers("evt_2", now, ""), "empty id": headers("", now, "v1,"+vector(key, "", now, body)), "empty timestamp": headers("evt_2", "", "v1,"+vector(key, "evt_2", "", body)),
		"a timestamp that is text": headers("evt_2", "now", "v1,"+vector(key, "evt_2", "now", body)), "milliseconds": headers("evt_2", now+"000", "v1,"+vector(key, "evt_2", now+"000", body)), "the secret as text": headers("evt_2", now, "v1,"+vector([]byte(hookKey), "evt_2", now, body)),
		"an endless signature": headers("evt_2", now, strings.Repeat("v1,AAAA ", 600)+"v1,"+vector(key, "evt_2", now, body)), "an endless id": headers(strings.Repeat("x", 300), now, "v1,"+vector(key, strings.Repeat("x", 300), now, body)), "nothing": nil,
		"two signatures headers": append(headers("evt_2", now, "v1,"+vector(key, "evt_2", now, body)), "webhook-signature", "v1,AAAA"), "two ids": append(headers("evt_2", now, "v1,"+vector(key, "evt_2", now, body)), "webhook-id", "evt_9"), "two timestamps": append(headers("evt_2", now, "v1,"+vector(key, "evt_2", now, body)), "webhook-timestamp", now),
	}
	for bit := 0; bit < len(key)*8; bit += 7 {
		refused[fmt.Sprintf("bit %d of the secret", bit)] = headers("evt_2", now, "v1,"+vector(flip(key, bit), "evt_2", now, body))
	}
	for name, h := range refused {
		status, out, header := i.deliver([]byte(body), h...)
		require.Equal(t, 401, status, "%s: %s", name, out)
		require.Empty(t, header.Get("Set-Cookie"), name)
	}
	for bit := 0; bit < len(body)*8; bit += 5 {
		status, _, _ := i.deliver(flip([]byte(body), bit), headers("evt_2", now, "v1,"+vector(key, "evt_2", now, body))...)
		require.Equal(t, 401, status, "bit %d of the body", bit)
	}
	// The raw bytes are signed: what means the same but is written otherwise has another signature.
	same := []string{body, strings.ReplaceAll(body, ":", ": "), strings.ReplaceAll(body, "hired", `\u0068ired`), `{"data":{"worker_id":"4711"},"type":"worker.hired"}`, body + "\n", " " + body}
	for n, signed := range same {
		id := fmt.Sprint("evt_same_", n)
		signature := "v1," + vector(key, id, now, signed)
		for m, sent := range same {
			status, out, _ := i.deliver([]byte(sent), headers(id, now, signature)...)
			want := 401
			if n == m {
				want = 202
			}
			require.Equal(t, want, status, "signed as %q, sent as %q: %s", signed, sent, out)
		}
	}
}

func hexOf(b64 string) string {
	raw, _ := base64.StdEncoding.DecodeString(b64)
	return hex.EncodeToString(raw)
}

// A delivery that comes again does nothing, however late; an old signature is none.
func TestS70_Replay(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	now := time.Now()
	i.s.Now = func() time.Time { return now }
	status, first := i.send("evt_1", hired("1"), now, nil)
	require.Equal(t, 202, status)
	sent := now
	for _, later := range []time.Duration{time.Second, 4 * time.Minute, 89 * 24 * time.Hour} {
		now = sent.Add(later)
		status, again := i.send("evt_1", hired("1"), now, nil) // signed anew, as a sender that repeats does
		require.Equal(t, 202, status, later)
		require.Equal(t, true, again["duplicate"])
		require.Equal(t, first["event"], again["event"])
		if later > window5 {
			status, _ = i.send("evt_1", hired("1"), sent, nil) // the old signature, word for word
			require.Equal(t, 401, status)
			status, _ = i.send("evt_1", hired("1"), now.Add(6*time.Minute), nil)
			require.Equal(t, 401, status, "from the future")
		}
	}
	runs, _, err := i.db.Runs(t.Context(), postgres.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 1)
}

const window5 = 5 * time.Minute

// Two secrets count while a rotation overlaps, and the record says which one it
// was; one that was revoked counts no more.
func TestS71_RotationNamesTheSecret(t *testing.T) {
	t.Parallel()
	i := newIntake(t)
	second := "whsec_" + strings.Repeat("B", 32)
	signers := func() map[string]string {
		all, err := i.db.WebhookSigners(t.Context(), "hr", connector.WebhookSecret)
		require.NoError(t, err)
		out := map[string]string{}
		for _, s := range all {
			out[s.Value.Reveal()] = s.ID
		}
		return out
	}
	i.secret(second, 24*time.Hour)
	i.s.hooks.doors = nil
	ids := signers()
	require.Len(t, ids, 2)
	deliver := func(secret, id string) int {
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		now := strconv.FormatInt(time.Now().Unix(), 10)
		status, _, _ := i.deliver(hired(id), "webhook-id", id, "webhook-timestamp", now, "webhook-signature", "v1,"+vector(raw, id, now, string(hired(id))))
		return status
	}
	for secret, signer := range ids {
		id := "evt_" + signer
		require.Equal(t, 202, deliver(secret, id))
		var recorded string
		require.NoError(t, i.db.RawScan(t.Context(), &recorded, `SELECT signer FROM events WHERE key = $1`, id))
		require.Equal(t, signer, recorded)
	}
	require.NoError(t, i.db.RevokeCredential(t.Context(), i.by, ids[hookKey], "it leaked"))
	i.s.hooks.doors = nil
	require.Equal(t, 401, deliver(hookKey, "evt_after"))
	require.Equal(t, 202, deliver(second, "evt_after"))
}

// What is no delivery is refused cheaply. Not parallel: it measures the process.
func TestS76_OddDeliveries(t *testing.T) {
	i := newIntake(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 200 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	require.NoError(t, z.Close())
	require.Less(t, bomb.Len(), hookBodyLimit)
	before := resident(t)
	for name, c := range map[string]struct {
		body   []byte
		change func(*http.Request)
		status int
	}{
		"a bomb":            {bomb.Bytes(), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415},
		"brotli":            {bomb.Bytes(), func(r *http.Request) { r.Header.Set("Content-Encoding", "br") }, 415},
		"a bomb, unlabeled": {bomb.Bytes(), nil, 400},
		"XML":               {[]byte(`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>`), func(r *http.Request) { r.Header.Set("Content-Type", "application/xml") }, 415},
		"XML as JSON":       {[]byte(`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>`), nil, 400},
		"deep":              {[]byte(strings.Repeat("[", 200_000)), nil, 400},
		"deep objects":      {[]byte(strings.Repeat(`{"a":`, 50_000)), nil, 400},
		"a list of many":    {[]byte(`{"events":[` + strings.Repeat(`{"type":"ping"},`, 200) + `{"type":"ping"}]}`), nil, 400},
		"too large":         {bytes.Repeat([]byte(" "), hookBodyLimit+1), nil, 413},
		"form":              {[]byte("a=b"), func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		"multipart":         {[]byte("--x"), func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }, 415},
		"no content type":   {hired("1"), func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
	} {
		begin := time.Now()
		status, out := i.send("evt_"+name, c.body, time.Now(), c.change)
		require.Equal(t, c.status, status, "%s: %v", name, out)
		require.Less(t, time.Since(begin), pgtest.Hang, name)
	}
	require.Less(t, resident(t)-before, int64(150<<20), "nothing was unpacked")
	b := newConsole(t, "http://localhost:8080").person(t, "ada@example.com", "admin")
	a := b.ask(t, put, "/api/v1/policies/x", "application/json", bomb.String(), map[string]string{"Content-Encoding": "gzip", "X-CSRF-Token": b.token(t), "Sec-Fetch-Site": "same-origin"})
	require.Equal(t, 415, a.status)
}

// A webhook's door knows no cookies: a session opens nothing there and gets none.
func TestS77_CookiesMeanNothingAtTheDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "plain")
	body := string(hired("1"))
	for name, header := range map[string]map[string]string{"with a session": {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": w.ada.token(t)}, "with a token": {"Authorization": "Bearer jnr_x"}} {
		a := w.ada.ask(t, post, "/hooks/hr", "application/json", body, header)
		require.Equal(t, 401, a.status, name)
		require.Empty(t, a.header.Values("Set-Cookie"))
	}
	a := w.ada.ask(t, post, "/hooks/hr", "application/json", body, w.signed("evt_1", []byte(body)))
	require.Equal(t, 202, a.status)
	require.Equal(t, "hook:hr", w.value(`SELECT actor_id FROM audit_events WHERE action = 'event.accept'`), "it is the sender's act, whoever's cookie came along")
}
