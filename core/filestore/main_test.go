package filestore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flamingock/flamingock-go/core"
)

// childMode names the environment variable that makes the test binary a child
// process of a test: "mode path number".
const childMode = "FILESTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		os.Exit(child(strings.Split(mode, "\n")))
	}
	goleak.VerifyTestMain(m)
}

// childFunc is what a child does with the store at path.
type childFunc func(ctx context.Context, path string, n int) error

func child(args []string) int {
	modes := map[string]childFunc{"turns": childTurns, "crash": childCrash, "attend": childAttend, "open": childOpen, "openWithin": childOpenWithin, "shared": childShared}
	maps.Copy(modes, systemModes())
	n, err := strconv.Atoi(args[2])
	if err == nil {
		err = modes[args[0]](context.Background(), args[1], n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a child that runs, and its output by lines.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	in    io.WriteCloser
}

// spawn starts the test binary as a child; configure may change the command.
func spawn(t *testing.T, mode, path string, n int, configure func(c *exec.Cmd)) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childMode+"="+mode+"\n"+path+"\n"+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	if configure != nil {
		configure(cmd)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: bufio.NewScanner(out), in: in}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill() // the test failed before it waited
			_ = p.cmd.Wait()
		}
	})
	return p
}

// line returns the child's next line.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("child ended: %v", p.cmd.Wait())
	}
	return p.lines.Text()
}

// finish waits for the child to end well, and returns the rest of its output.
func (p *process) finish(t *testing.T) []string {
	t.Helper()
	var rest []string
	for p.lines.Scan() {
		rest = append(rest, p.lines.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("child: %v\n%s", err, strings.Join(rest, "\n"))
	}
	return rest
}

// kill ends the child as SIGKILL does, and returns what it said before.
func (p *process) kill(t *testing.T) []string {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var rest []string
	for p.lines.Scan() {
		rest = append(rest, p.lines.Text())
	}
	_ = p.cmd.Wait() // "signal: killed"
	return rest
}

const ledger = "orders/test"

func at(n int) time.Time { return time.Date(2026, 11, 22, 10, 0, n, 123456789, time.UTC) }

// session is a writer that holds the lease and knows where the ledger is.
type session struct {
	s     *Store
	lease core.Lease
	seq   uint64
	hash  string
	at    map[string]uint64
}

// begin acquires the ledger as a Runner does; takeover admits a held one.
func begin(ctx context.Context, s *Store, owner string, takeover bool) (*session, error) {
	snap, err := s.Load(ctx, ledger)
	if err != nil {
		return nil, err
	}
	r := &session{s: s, lease: core.Lease{Ledger: ledger, Owner: owner, Token: snap.Head.Token + 1}, seq: snap.Head.Seq, hash: snap.Head.Hash, at: map[string]uint64{}}
	for id, rec := range snap.Records {
		r.at[id] = rec.Seq
	}
	return r, s.Acquire(ctx, core.Acquisition{
		Ledger: ledger, LedgerID: "id", RVN: snap.Head.RVN, Takeover: takeover, Owner: owner, Token: r.lease.Token,
		Lease: time.Minute, Holder: core.Holder{Execution: "execution-of-" + owner, PID: os.Getpid(), Since: at(0)},
	})
}

// entries makes the next entries: each change in turn gets the state.
func (r *session) entries(state core.State, changes ...string) []core.Entry {
	var es []core.Entry
	for _, id := range changes {
		es = append(es, core.Entry{
			ExecutionID: "execution-of-" + r.lease.Owner, ChangeID: id, PrevSeq: r.at[id], State: state, Operation: core.OpApply,
			Stage: "main", Order: "0001", TargetSystem: "orders-db", TxType: core.TxNone, StartedAt: at(1), Token: r.lease.Token,
		})
	}
	core.Seal(ledger, r.seq, r.hash, es)
	return es
}

func (r *session) append(ctx context.Context, release bool, es []core.Entry) error {
	if err := r.s.Append(ctx, core.Append{Lease: r.lease, Entries: es, Release: release}); err != nil {
		return err
	}
	for _, e := range es {
		r.seq, r.hash, r.at[e.ChangeID] = e.Seq, e.Hash, e.Seq
	}
	return nil
}

func mustBegin(t testing.TB, s *Store, owner string) *session {
	t.Helper()
	r, err := begin(context.Background(), s, owner, true)
	if err != nil {
		t.Fatalf("acquire by %s: %v", owner, err)
	}
	return r
}

func (r *session) mustAppend(t testing.TB, state core.State, changes ...string) {
	t.Helper()
	if err := r.append(context.Background(), false, r.entries(state, changes...)); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// contents is everything that the ledger shows, verified.
type contents struct {
	Snapshot core.Snapshot
	History  []core.Entry
}

func read(ctx context.Context, s *Store) (contents, error) {
	var c contents
	var err error
	if c.Snapshot, err = s.Load(ctx, ledger); err != nil {
		return c, err
	}
	q := core.HistoryQuery{Ledger: ledger}
	for {
		page, err := s.History(ctx, q)
		if err != nil {
			return c, err
		}
		c.History = append(c.History, page.Entries...)
		if q.AfterSeq = page.Next; page.Next == 0 {
			break
		}
	}
	if err := core.VerifyChain(0, "", c.History); err != nil {
		return c, err
	}
	if n := uint64(len(c.History)); n != c.Snapshot.Head.Seq {
		return c, fmt.Errorf("the history has %d entries, the head says %d", n, c.Snapshot.Head.Seq)
	}
	return c, nil
}

func mustRead(t testing.TB, s *Store) contents {
	t.Helper()
	c, err := read(context.Background(), s)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return c
}
