package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/internal/standstill"
)

// bench is what the worlds of one test share: a table for ledgers, and one for
// the effects of changes that share the store's transactions.
type bench struct {
	cfg           aws.Config
	table, things string
	pulse         *standstill.Pulse // of this process and of the simulator
	ledgers       atomic.Int64
}

func newBench(t testing.TB) *bench {
	t.Helper()
	cfg := awstest.DynamoDB(t)
	b := &bench{cfg: cfg, table: newTable(t, cfg), things: newTable(t, cfg), pulse: standstill.Feel(t, 8)}
	client := dynamodb.NewFromConfig(b.cfg, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	b.pulse.Ask(t, "DynamoDB", func(ctx context.Context) error {
		at := &types.AttributeValueMemberS{Value: "pulse"}
		_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.things, Item: map[string]types.AttributeValue{attrPK: at, attrSK: at}})
		return err
	})
	return b
}

// play runs a subtest whose requests are answered before they are sent again, on a
// simulator that does not stand still.
func (b *bench) play(t *testing.T, name string, f func(t testing.TB)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { b.pulse.TryFixed(t, requestTimeout, f) })
}

// patient is a store that sends a write again, as the Runner does, which had no answer
// because the simulator stood still. On one that answers it is the store as it is.
type patient struct {
	*Store
	pulse *standstill.Pulse
}

func (p patient) again(send func() error) error {
	for {
		began := time.Now()
		if err := send(); !core.IsUnknown(err) || !p.pulse.Stood(began, requestTimeout/2) {
			return err
		}
	}
}

func (p patient) Acquire(ctx context.Context, a core.Acquisition) error {
	return p.again(func() error { return p.Store.Acquire(ctx, a) })
}

func (p patient) Append(ctx context.Context, a core.Append) error {
	return p.again(func() error { return p.Store.Append(ctx, a) })
}

func (p patient) Renew(ctx context.Context, l core.Lease) error {
	return p.again(func() error { return p.Store.Renew(ctx, l) })
}

func (p patient) Release(ctx context.Context, l core.Lease) error {
	return p.again(func() error { return p.Store.Release(ctx, l) })
}

// world is one ledger, and the systems that its changes act on.
type world struct {
	t      testing.TB
	b      *bench
	ledger string
	stages []core.Stage
	lease  time.Duration
	svc    *system
	store  patient // undisturbed
	client *dynamodb.Client
}

func (b *bench) world(t testing.TB, stages ...core.Stage) *world {
	w := &world{
		t: t, b: b, ledger: fmt.Sprintf("orders/%d", b.ledgers.Add(1)), stages: stages,
		svc: &system{rows: map[string]int{}, calls: map[string]int{}}, client: dynamodb.NewFromConfig(b.cfg),
	}
	w.leased(6 * time.Second)
	w.store = patient{New(b.cfg, b.table, Options{Domain: b.things}), b.pulse}
	return w
}

// leased sets for how long a lease is taken, on a machine that answers in time.
func (w *world) leased(d time.Duration) {
	if s, ok := w.t.(slow); ok {
		d *= time.Duration(s.times)
	}
	w.lease = d
}

// system is a system without transactions.
type system struct {
	mu    sync.Mutex
	rows  map[string]int // effects that are there
	calls map[string]int
}

func (s *system) count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[id]
}

func (s *system) called(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

func (s *system) add(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[id]++
	s.rows[id] += n
}

// effect is how often the effect of a change is there.
func (w *world) effect(id string) int {
	if id[0] == 's' {
		return w.thing(id)
	}
	return w.svc.count(id)
}

// process is one operating system process that runs changes, over a wire of its
// own.
type process struct {
	*wire
	w    *world
	name string
	// seen receives the Runner's events.
	seen   func(run.Event)
	clock  func() time.Time
	ctx    context.Context
	cancel context.CancelFunc
	stores *Store
}

func (w *world) process(name string) *process {
	p := &process{wire: &wire{}, w: w, name: name, seen: func(run.Event) {}, clock: time.Now}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.stores = New(p.config(w.b.cfg), w.b.table, Options{Domain: w.b.things})
	return p
}

// now stands still with its process.
func (p *process) now() time.Time {
	p.wait()
	return p.clock()
}

func (p *process) runner(change ...func(*run.Options)) *run.Runner {
	o := run.Options{
		Ledger: p.w.ledger, Stages: p.w.stages, Store: p.stores, Lease: p.w.lease, Wait: time.Minute, Grace: time.Second, Now: p.now, Host: p.name,
		Targets: map[string]core.Target{"svc": core.NewClientTarget("svc", p), "here": &sharing{w: p.w}},
		Events:  func(e run.Event) { p.seen(e) },
	}
	for _, f := range change {
		f(&o)
	}
	r, err := run.New(o)
	if err != nil {
		p.w.t.Fatalf("%v", err)
	}
	return r
}

// outcome is how a process ended.
type outcome struct {
	died bool
	rep  *run.Report
	err  error
}

func (o outcome) code() string {
	switch c := core.CodeOf(o.err); {
	case o.died:
		return "died"
	case c == "":
		return string(o.rep.Status)
	default:
		return string(c)
	}
}

func (p *process) apply(change ...func(*run.Options)) outcome { return <-p.start(change...) }

func (p *process) start(change ...func(*run.Options)) <-chan outcome {
	r, c := p.runner(change...), make(chan outcome, 1)
	go func() {
		o := outcome{died: true}
		defer func() { c <- o }()
		rep, err := r.Apply(p.ctx, run.ApplyOptions{})
		o.rep, o.err, o.died = rep, err, false
	}()
	return c
}

// resolveTruly lets a person look at the systems and say what is there.
func (w *world) resolveTruly(err error) {
	w.t.Helper()
	var ie *core.InterventionError
	if !errors.As(err, &ie) {
		return
	}
	for _, is := range ie.Issues {
		as := core.StateManualMarkedRolledBack
		if w.effect(is.ChangeID) > 0 {
			as = core.StateManualMarkedApplied
		}
		if _, err := w.process("person").runner().Resolve(context.Background(), run.Resolution{ChangeID: is.ChangeID, As: as, Reason: "looked at it"}); err != nil {
			w.t.Errorf("resolve %s as %s: %v", is.ChangeID, as, err)
		}
	}
}

// heal runs, undisturbed, until nothing is left to do.
func (w *world) heal(prepare ...func(*process)) {
	w.t.Helper()
	for range 8 {
		p := w.process("healer")
		for _, f := range prepare {
			f(p)
		}
		prepare = nil
		o := p.apply()
		switch core.CodeOf(o.err) {
		case "":
			return
		case core.CodeChangeFailed, core.CodeLockHeld: // one that fails once; a faster other
		case core.CodeManualIntervention:
			w.resolveTruly(o.err)
		case core.CodeLeaseLost:
			w.t.Logf("a slow machine: %v", o.err)
		default:
			w.t.Errorf("an undisturbed run ended with %s: %v", o.code(), o.err)
		}
	}
	w.t.Errorf("runs do not come to an end: %v", w.states())
}

func (w *world) load() core.Snapshot {
	w.t.Helper()
	s, err := w.store.Load(context.Background(), w.ledger)
	if err != nil {
		w.t.Fatalf("load: %v", err)
	}
	return s
}

func (w *world) history() []core.Entry {
	w.t.Helper()
	var all []core.Entry
	for q := (core.HistoryQuery{Ledger: w.ledger}); ; {
		page, err := w.store.History(context.Background(), q)
		if err != nil {
			w.t.Fatalf("history: %v", err)
		}
		all = append(all, page.Entries...)
		if q.AfterSeq = page.Next; q.AfterSeq == 0 {
			return all
		}
	}
}

// states returns "change STATE" of every entry.
func (w *world) states() []string {
	w.t.Helper()
	var out []string
	for _, e := range w.history() {
		s := strings.TrimSpace(e.ChangeID + " " + string(e.State))
		if e.Unknown {
			s += " unknown"
		}
		out = append(out, s)
	}
	return out
}

// mustAddUp checks that the ledger is whole, and that every entry was written by
// the one execution that had the lease then.
func (w *world) mustAddUp() core.Snapshot {
	w.t.Helper()
	all, s := w.history(), w.load()
	if err := core.VerifyChain(0, "", all); err != nil {
		standstill.Violated(w.t, "%v", err)
	}
	records, writers, applied := map[string]core.Record{}, map[uint64]string{}, map[string]bool{}
	token := uint64(0)
	for _, e := range all {
		if e.Token < token {
			standstill.Violated(w.t, "entry %d was written with token %d, when %d was out", e.Seq, e.Token, token)
		}
		token = e.Token
		if by := writers[token]; by != "" && by != e.ExecutionID {
			standstill.Violated(w.t, "entry %d: two executions wrote with token %d", e.Seq, token)
		}
		writers[token] = e.ExecutionID
		if e.ChangeID == "" {
			continue
		}
		if e.State == core.StateStarted && applied[e.ChangeID] {
			standstill.Violated(w.t, "entry %d starts %s, which is applied", e.Seq, e.ChangeID)
		}
		records[e.ChangeID], applied[e.ChangeID] = e.Record(), e.State.IsApplied()
	}
	if !maps.Equal(records, s.Records) || s.Head.Seq != uint64(len(all)) || tear(s) != nil {
		standstill.Violated(w.t, "the history has %d entries and %v, the load gives %+v", len(all), records, s)
	}
	return s
}

// mustBeDone checks what must hold when everything is applied.
func (w *world) mustBeDone() {
	w.t.Helper()
	s := w.mustAddUp()
	if s.Head.Held() { // a dead one's, and nobody needed it: whoever does gets it
		more := core.Stage{Name: "more", Changes: []core.Change{plain("x1", "1")}}
		if o := w.process("one more").apply(func(o *run.Options) { o.Stages = append(slices.Clone(o.Stages), more) }); o.err != nil {
			w.t.Errorf("a lease was left that nobody can take: %v", o.err)
		}
	}
	for i := range w.stages {
		for j := range w.stages[i].Changes {
			id := w.stages[i].Changes[j].ID
			if st := s.Records[id].State; !st.IsApplied() {
				w.t.Errorf("%s is %s", id, st)
			}
			if n := w.effect(id); n > 1 || n == 0 && s.Records[id].State.IsApplied() {
				standstill.Violated(w.t, "%s has its effect %d times, and is %s", id, n, s.Records[id].State)
			}
			if n := w.svc.called(id); id[0] == 'n' && n > 1 {
				standstill.Violated(w.t, "%s was executed %d times", id, n)
			}
		}
	}
}
