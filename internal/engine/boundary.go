package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/egress"
	"joinery/internal/fault"
	"joinery/internal/flow"
	"joinery/internal/node"
	"joinery/internal/postgres"
)

// boundary stands between one try of a node and the outside. In a live run it
// writes an intent before each effect and collects the receipts; in a simulated
// run it makes no effect and lists the planned change. No node can reach a
// connection but through it.
type boundary struct {
	k    *carrier
	node flow.Node

	mu       sync.Mutex
	log      []string
	changes  []Change
	receipts []postgres.Receipt
	acts     []postgres.Act
	writes   []postgres.WriteMark
	back     []func()
	until    time.Time
	// groups are the memberships this try saw, ours those that Joinery made.
	groups, ours map[member][]string
	// guard stands before each write; nil when the flow has no invariants.
	guard  *guard
	called []string // what accounts are called now
	calls  []postgres.FunctionCall
	told   time.Time // what the step's function is told of the time, once that is kept
	// again says that an earlier try, or other hands, may have begun this.
	again bool
}

// Change is one effect of a step, made or planned, as pages show it.
type Change struct {
	Connection string             `json:"connection"`
	Operation  string             `json:"operation"`
	Target     string             `json:"target"`
	Sentence   string             `json:"sentence"`
	Attributes []connector.Change `json:"attributes,omitempty"`
	Planned    bool               `json:"planned,omitempty"`
}

const (
	maxLogLines = 200
	maxLogLine  = 2000
)

func newBoundary(k *carrier, n flow.Node) *boundary {
	return &boundary{k: k, node: n, again: k.c.Epoch > 1 || k.c.Round > 0 || k.c.Steps[n.ID].State != ""}
}

func (b *boundary) logf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if len(line) > maxLogLine {
		line = line[:maxLogLine] + "…"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.log) < maxLogLines {
		b.log = append(b.log, line)
	}
}

func (b *boundary) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log
}

func (b *boundary) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.back {
		f()
	}
	b.back = nil
}

// changed joins what earlier tries of the step changed with this one's.
func (b *boundary) changed(before json.RawMessage) json.RawMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Change
	if len(before) > 0 {
		_ = json.Unmarshal(before, &all) // written by us
	}
	raw, err := json.Marshal(append(all, b.changes...))
	if err != nil {
		return before
	}
	return raw
}

func (b *boundary) note(c Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes = append(b.changes, c)
}

// receipt keeps what an effect came to, for the step's checkpoint.
func (b *boundary) receipt(key, operation, connection string, result map[string]any, account *postgres.AccountRow) {
	b.k.e.reached(AfterEffect)
	raw, err := json.Marshal(result)
	if err != nil {
		raw = []byte("{}")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.receipts = append(b.receipts, postgres.Receipt{Key: key, Result: raw, Account: account})
	b.acts = append(b.acts, postgres.Act{Actor: auth.Engine(), Action: operation, Kind: "run", ID: string(b.k.c.ID),
		Detail: map[string]any{"node": b.node.ID, "connection": connection, "intent": key, "joiner": b.k.c.JoinerID, "existed": result["existed"] == true, "changed": result["changed"]}})
}

// opKey names one effect: the same on every try of the step. A step that goes over
// again in a later round has effects of its own, so that what the first one made
// counts as there before; a message or request stays the same one.
func (b *boundary) opKey(connection, operation, target string) string {
	text := string(b.k.c.ID) + "\x00" + string(b.node.ID) + "\x00" + connection + "\x00" + operation + "\x00" + target
	if b.k.c.Round > 0 && connection != "" {
		text += fmt.Sprintf("\x00round %d", b.k.c.Round)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// intend writes the intent of an effect. It gives what an earlier try left.
func (b *boundary) intend(ctx context.Context, connection, operation, target string) (string, postgres.Intended, error) {
	k := b.k
	if err := b.guard.write(ctx); err != nil {
		return "", postgres.Intended{}, err
	}
	i := postgres.Intent{Key: b.opKey(connection, operation, target), Run: k.c.ID, Owner: k.e.Owner, Epoch: k.c.Epoch, Node: b.node.ID, Flow: k.c.Flow, Connection: connection, Operation: operation, Target: target, Again: b.again}
	limits := k.rel.connections[connection].settings.Limits
	switch operation {
	case opCreate, opAdopt:
		i.FlowLimit, i.ConnectionLimit = k.rel.content.Limits.CreatesPerHour, limits.CreatesPerHour
	case opWriteBack:
		i.FlowLimit, i.ConnectionLimit = k.rel.content.Limits.WriteBacksPerHour, limits.WriteBacksPerHour
	case opAdd:
		i.FlowLimit, i.ConnectionLimit = k.rel.content.Limits.GrantsPerHour, limits.GrantsPerHour
	}
	if k.c.Lifted != "" {
		i.FlowLimit, i.ConnectionLimit = 0, 0 // a second person agreed
	}
	k.e.reached(BeforeIntent)
	out, err := b.record(ctx, i)
	switch {
	case err != nil:
		return "", out, err
	case !out.Kept:
		return "", out, lostError{}
	case out.Over != "":
		return "", out, &parkError{why: out.Over}
	}
	k.e.reached(AfterIntent)
	return i.Key, out, nil
}

// record keeps an intent, together with what led to it.
func (b *boundary) record(ctx context.Context, i postgres.Intent) (postgres.Intended, error) {
	cp := b.k.checkpointOf()
	if !i.Limited() {
		cp.Intent = &i
		f, err := b.k.riding.keep(ctx, cp, false)
		return f.Intended, err
	}
	if b.k.riding.len() > 0 {
		if f, err := b.k.riding.keep(ctx, cp, false); err != nil || !f.Kept {
			return postgres.Intended{}, err
		}
	}
	return b.k.e.DB.RecordIntent(ctx, i)
}

// use opens the pinned connection for the rest of the try.
func (b *boundary) use(ctx context.Context, key string) (connector.Conn, error) {
	conn, back, err := b.k.e.open(ctx, b.k.rel, key)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.back = append(b.back, back)
	b.mu.Unlock()
	return conn, nil
}

func (b *boundary) workers(ctx context.Context, key string) (connector.Workers, error) {
	if f := b.k.foresees; f != nil && f.Marks {
		return lookedWorkers{b, key}, nil
	} else if f != nil && (!f.Live || !f.FromHRIS && key == b.k.c.Ref.Connection) {
		return assumedWorkers{b.k, key}, nil
	}
	conn, err := b.use(ctx, key)
	if err != nil {
		return nil, err
	}
	w, ok := conn.(connector.Workers)
	if !ok {
		return nil, fault.New(fault.Invalid, "The connection %s has no workers to read.", key)
	}
	return countedWorkers{b.k, key, w}, nil
}

func (b *boundary) directory(ctx context.Context, key string) (connector.Directory, error) {
	if f := b.k.foresees; f != nil && f.Marks {
		if _, ok := b.k.rel.connections[key]; !ok {
			return nil, notPinned(key)
		}
		d := &lookedDirectory{b: b, key: key}
		return b.guarded(key, &pretended{b: b, key: key, dir: d}, d), nil
	} else if f != nil && !f.Live {
		return b.guarded(key, &pretended{b: b, key: key, dir: assumedDirectory{}}, assumedDirectory{}), nil
	}
	conn, err := b.use(ctx, key)
	if err != nil {
		return nil, err
	}
	d, ok := conn.(connector.Directory)
	if !ok {
		return nil, fault.New(fault.Invalid, "The connection %s has no accounts and groups.", key)
	}
	d = countedDirectory{b.k, key, d}
	if b.k.sim != nil {
		return b.guarded(key, &pretended{b: b, key: key, dir: d}, d), nil
	}
	return b.guarded(key, &recorded{b: b, key: key, dir: d}, d), nil
}

// guarded lets the flow's invariants stand before each write.
func (b *boundary) guarded(key string, dir, reads connector.Directory) connector.Directory {
	if b.guard == nil {
		return dir
	}
	return guardedDirectory{dir, b.guard, key, reads}
}

func (b *boundary) mail(ctx context.Context, m node.Mail) error {
	target := m.Subject
	sentence := fmt.Sprintf("Message “%s” to %s", m.Subject, people(len(m.To)+len(m.Cc)))
	if err := b.guard.write(ctx); err != nil {
		return err
	}
	if b.k.sim != nil {
		b.note(Change{Operation: opMail, Target: target, Sentence: sentence, Planned: true})
		return nil
	}
	if b.k.e.Mail == nil {
		return fault.New(fault.Invalid, "No mail server is set up. Start Joinery with JOINERY_SMTP_URL.")
	}
	if sent, err := b.sentBefore(ctx); err != nil || sent {
		return err
	}
	body := sha256.Sum256(fmt.Append(nil, m.To, m.Cc, m.Subject, m.Text))
	key, before, err := b.intend(ctx, "", opMail, hex.EncodeToString(body[:8]))
	if err != nil {
		return err
	}
	if before.Receipt == nil {
		if err := b.k.called(ctx, noConnection, opMail, func(ctx context.Context) error { return b.k.e.Mail(ctx, m, key[:32]) }); err != nil {
			return err
		}
	}
	b.receipt(key, opMail, "", map[string]any{"changed": true}, nil)
	b.note(Change{Operation: opMail, Target: target, Sentence: sentence})
	return nil
}

func people(n int) string {
	if n == 1 {
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}

func (b *boundary) http(ctx context.Context, r node.Request) (out node.Response, err error) {
	sentence := fmt.Sprintf("%s request to %s", r.Method, r.URL)
	read := r.Method == "GET" || r.Method == "HEAD"
	if b.k.e.HTTP == nil {
		return node.Response{}, fault.New(fault.Invalid, "Outgoing HTTP requests are not set up.")
	}
	if read && b.k.foresees != nil && !(b.k.foresees.Live && b.k.foresees.Requests) {
		return b.foreseenHTTP(r), nil
	}
	if !read {
		if err := b.guard.write(ctx); err != nil {
			return node.Response{}, err
		}
	}
	if !read && b.k.sim != nil {
		b.note(Change{Operation: opHTTP, Target: r.URL, Sentence: sentence, Planned: true})
		return node.Response{Status: 200}, nil
	}
	kind := kindOf(r)
	given, err := b.paced(ctx, kind, time.Time{})
	if err != nil {
		return node.Response{}, err
	}
	if read {
		return b.request(ctx, r, kind)
	}
	body := sha256.Sum256(append([]byte(r.Method+"\x00"+r.URL+"\x00"), r.Body...))
	key, _, err := b.intend(ctx, "", opHTTP, hex.EncodeToString(body[:8]))
	if err != nil {
		return node.Response{}, err
	}
	if r.Header.Get("Idempotency-Key") == "" {
		r.Header = r.Header.Clone()
		if r.Header == nil {
			r.Header = map[string][]string{}
		}
		r.Header.Set("Idempotency-Key", key[:32])
	}
	if _, err = b.paced(ctx, kind, given); err != nil {
		return out, err
	}
	if out, err = b.request(ctx, r, kind); err != nil {
		return out, err
	}
	b.receipt(key, opHTTP, "", map[string]any{"status": out.Status, "changed": true}, nil)
	b.note(Change{Operation: opHTTP, Target: r.URL, Sentence: fmt.Sprintf("%s, answered %d", sentence, out.Status)})
	return out, nil
}

func (b *boundary) request(ctx context.Context, r node.Request, kind egress.Kind) (out node.Response, err error) {
	err = b.k.called(ctx, noConnection, opHTTP, func(ctx context.Context) error { out, err = b.send(ctx, r, kind); return err })
	return out, err
}
