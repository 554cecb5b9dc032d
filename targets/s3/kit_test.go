package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/core/template"
	"github.com/flamingock/flamingock-go/internal/awstest"
)

// wire is the network between a client and the simulator, with faults.
type wire struct {
	mu   sync.Mutex
	down bool
	// fault is asked about every request. It may answer itself, or let it pass (nil, nil).
	fault func(r *http.Request, pass func() (*http.Response, error)) (*http.Response, error)
	// calls are the methods and places that were asked for.
	calls []string
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	down, fault := w.down, w.fault
	w.calls = append(w.calls, r.Method+" "+r.URL.RequestURI())
	w.mu.Unlock()
	if down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	if fault != nil {
		if resp, err := fault(r, func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) }); resp != nil || err != nil {
			return resp, err
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (w *wire) set(f func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

func (w *wire) count(prefix string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// loses makes the answers to some requests get lost, the first n of them.
func (w *wire) loses(n int, which func(r *http.Request) bool) {
	w.set(func(w *wire) {
		w.fault = func(r *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
			if !which(r) || n == 0 {
				return nil, nil
			}
			n--
			resp, err := pass()
			if err != nil {
				return nil, err
			}
			resp.Body.Close()
			return nil, errors.New("connection reset by peer")
		}
	})
}

func answer(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/xml")
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// clientFor returns a client over a wire.
func clientFor(t testing.TB) (*sdk.Client, *wire) {
	t.Helper()
	w := &wire{}
	cfg := awstest.LocalStack(t)
	cfg.HTTPClient = w
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.UsePathStyle = true }), w
}

var buckets atomic.Int64

// bucketFor returns a name that no other test uses, and deletes such a bucket in the end.
func bucketFor(t testing.TB, client *sdk.Client) string {
	t.Helper()
	name := fmt.Sprintf("flamingock-target-%d-%d", os.Getpid(), buckets.Add(1))
	t.Cleanup(func() {
		ctx := context.Background()
		out, err := client.ListObjectVersions(ctx, &sdk.ListObjectVersionsInput{Bucket: &name})
		if err != nil {
			return // there is none
		}
		for _, v := range out.Versions {
			if _, err := client.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &name, Key: v.Key, VersionId: v.VersionId}); err != nil {
				t.Error(err)
			}
		}
		for _, m := range out.DeleteMarkers {
			if _, err := client.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &name, Key: m.Key, VersionId: m.VersionId}); err != nil {
				t.Error(err)
			}
		}
		if _, err := client.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &name}); err != nil {
			t.Error(err)
		}
	})
	return name
}

func newBucket(t testing.TB, client *sdk.Client) string {
	t.Helper()
	name := bucketFor(t, client)
	if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}

func write(t testing.TB, client *sdk.Client, bucket, key, text string) *sdk.PutObjectOutput {
	t.Helper()
	out, err := client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// read returns what an object holds; "(none)" when there is none.
func read(t testing.TB, client *sdk.Client, bucket, key string) string {
	t.Helper()
	out, err := client.GetObject(context.Background(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
	if absent(err, "NoSuchKey") {
		return "(none)"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// load loads a change file for the target.
func load(target core.Target, body string) (core.Change, error) {
	text := "id: a\ntargetSystem: " + target.ID() + "\n" + strings.TrimLeft(body, "\n")
	stages, err := template.Load(template.Input{
		Files:  fstest.MapFS{"changes/_0001__a.yaml": &fstest.MapFile{Data: []byte(text)}},
		Stages: []template.StageDir{{Name: "main", Location: "changes"}}, Targets: map[string]core.Target{target.ID(): target}, Types: []core.TargetType{Type()},
	})
	if err != nil {
		return core.Change{}, err
	}
	return stages[0].Changes[0], nil
}

func mustLoad(t testing.TB, target core.Target, body string) core.Change {
	t.Helper()
	c, err := load(target, body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// resolver knows every name: the value of ${env:x} is x.
type resolver struct{}

func (resolver) Resolve(_ context.Context, r core.Reference) (core.Secret, error) {
	return core.NewSecret(r.Key), nil
}

func sessionOf(handle any) *core.Session {
	return &core.Session{
		Handle:   handle,
		Resolve:  func(ctx context.Context, text string) (string, error) { return core.Expand(ctx, resolver{}, text) },
		Progress: func(core.Progress) {},
	}
}

// probed asks the change's probe.
func probed(t testing.TB, target core.Target, c core.Change) core.ProbeResult {
	t.Helper()
	handle, _, err := target.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Probe(t.Context(), sessionOf(handle))
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return got
}

// ledger runs changes with an audit store of its own.
type ledger struct {
	t      testing.TB
	target core.Target
	store  core.AuditStore
}

func newLedger(t testing.TB, target core.Target) *ledger { return &ledger{t, target, memstore.New()} }

// apply runs the changes, each a file of its own after the other.
func (l *ledger) apply(changes ...core.Change) error {
	l.t.Helper()
	for i := range changes {
		changes[i].Order = fmt.Sprintf("%04d", i+1)
		if i > 0 && changes[i].ID == changes[0].ID {
			changes[i].ID = fmt.Sprintf("%s%d", changes[i].ID, i+1)
		}
	}
	r, err := run.New(run.Options{
		Ledger: "l", Store: l.store, Stages: []core.Stage{{Name: "main", Changes: changes}}, Targets: map[string]core.Target{l.target.ID(): l.target}, Wait: time.Minute, Resolver: resolver{},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = r.Apply(l.t.Context(), run.ApplyOptions{})
	return err
}

// entry returns the last STARTED, and the state that the change is in.
func (l *ledger) entry(id string) (started core.Entry, state core.State) {
	l.t.Helper()
	page, err := l.store.History(l.t.Context(), core.HistoryQuery{Ledger: "l", ChangeID: id, Limit: 100})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range page.Entries {
		if e.State == core.StateStarted {
			started = e
		}
		state = e.State
	}
	return started, state
}

func (l *ledger) is(id string, want core.State) {
	l.t.Helper()
	if _, got := l.entry(id); got != want {
		l.t.Errorf("change %s is %s, want %s", id, got, want)
	}
}

// failing is the change with a step after its own that fails, so that all is rolled back.
func failing(c core.Change) core.Change {
	c.Steps = append(c.Pairs(), core.StepPair{
		Apply:    core.Step{Do: func(context.Context, *core.Session) error { return errors.New("of purpose") }},
		Rollback: core.Step{Do: func(context.Context, *core.Session) error { return nil }},
	})
	c.Apply, c.Rollback = core.Step{}, core.Step{}
	return c
}
