package operation

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/plan"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
)

// Options say in what a Session works.
type Options struct {
	// App says what to wire. Its Flags are configuration, by key, as the flags of the
	// command line give it: ledger, lock.wait. A request adds its profiles.
	App app.Options
	// Stop asks for an end in good order when it is closed: apply heeds it, and the
	// context of everything else ends. Nil: nobody asks.
	Stop <-chan struct{}
	// Warn is told what changes no result but should be known, without secrets. Nil:
	// nobody is.
	Warn func(text string)
	// Command is what commands in the data begin with: a program and its global
	// flags. "": the Program's name.
	Command string
	// Hint puts a hint, which may name commands, into the words of whoever reads it;
	// Do needs it. Nil: as it is.
	Hint func(string) string
	// Now is the clock of the document; Do needs it. Nil: time.Now.
	Now func() time.Time
}

// Session does one operation. Close it.
type Session struct {
	o   Options
	app *app.App
}

// New reads and contacts nothing.
func New(o Options) *Session { return &Session{o: o} }

// App is what was wired; nil before the configuration is read.
func (s *Session) App() *app.App { return s.app }

// Close frees what was opened.
func (s *Session) Close() error {
	if s.app == nil {
		return nil
	}
	if err := s.app.Close(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// Redact removes from a text the secrets that were resolved so far.
func (s *Session) Redact(text string) string {
	if s.app == nil {
		return text
	}
	return s.app.Secrets.Redact(text)
}

func (s *Session) warn(text string) {
	if s.o.Warn != nil {
		s.o.Warn(s.Redact(text))
	}
}

// listen passes events on. The Runner's own warnings in operators' acts quote target
// systems as they are.
func (s *Session) listen(e run.Event) {
	if w, ok := e.(run.Warned); ok {
		w.Err = s.app.Secrets.RedactError(w.Err)
		e = w
	}
	s.o.App.Events(e)
}

// Selection narrows a plan or a run.
type Selection struct {
	Stages   []string // none: all
	To       string   // up to and including this change; "": all
	Labels   []string // only changes with one of them; none: all
	Profiles []string // instead of the configured ones; none: those
	// AllowOutOfOrder admits new changes that are ordered before applied ones.
	AllowOutOfOrder bool
}

func (s *Session) selection(sel Selection) plan.Selection {
	return plan.Selection{Stages: sel.Stages, To: sel.To, Labels: sel.Labels, Profiles: s.app.Config.Profiles, AllowOutOfOrder: sel.AllowOutOfOrder}
}

// Configure reads the configuration.
func (s *Session) Configure() error { return s.configure(Selection{}) }

// configure reads the configuration, of which the profiles of a selection are a part.
func (s *Session) configure(sel Selection) error {
	o := s.o.App
	if len(sel.Profiles) > 0 {
		o.Flags = maps.Collect(maps.All(o.Flags)) // the caller's may be other calls' too
		o.Flags["profiles"] = strings.Join(sel.Profiles, ",")
	}
	if o.Events != nil {
		o.Events = s.listen
	}
	a, err := app.New(o)
	if err != nil {
		return err
	}
	s.app = a
	for _, w := range a.Config.Warnings {
		s.warn(w)
	}
	return nil
}

// Open configures, loads the changes, opens the audit store, and makes the Runner.
func (s *Session) Open(ctx context.Context, readOnly bool) (*run.Runner, error) {
	return s.open(ctx, Selection{}, readOnly)
}

func (s *Session) open(ctx context.Context, sel Selection, readOnly bool) (*run.Runner, error) {
	if err := s.configure(sel); err != nil {
		return nil, err
	}
	return s.load(ctx, readOnly)
}

// load is what open does after the configuration is read.
func (s *Session) load(ctx context.Context, readOnly bool) (*run.Runner, error) {
	if _, err := s.app.OpenSource(ctx); err != nil {
		return nil, err
	}
	if err := s.app.LoadChanges(); err != nil {
		return nil, err
	}
	if err := s.app.OpenStore(ctx, readOnly); err != nil {
		return nil, err
	}
	return s.app.Runner()
}

// MakePlan opens read-only and plans: what most operations start with.
func (s *Session) MakePlan(ctx context.Context, sel Selection) (*plan.Plan, core.Snapshot, error) {
	r, err := s.open(ctx, sel, true)
	if err != nil {
		return nil, core.Snapshot{}, err
	}
	return r.Plan(ctx, s.selection(sel))
}

// HolderGone asks the audit store whether the holder's process is known to have
// ended. Stores that cannot tell, and free locks, give false.
func (s *Session) HolderGone(ctx context.Context, h core.Head) bool {
	gone, err := core.HolderGone(ctx, s.app.Store, h)
	return err == nil && gone
}

func (s *Session) stoppable(ctx context.Context) (context.Context, context.CancelFunc) {
	return Stoppable(ctx, s.o.Stop)
}

// Stoppable returns a context that ends when stop is closed: for what has nothing to
// bring to a good end.
func Stoppable(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	select {
	case <-stop: // before it begins
		cancel(&core.InterruptedError{Reason: "asked to stop"})
	default:
	}
	if stop != nil {
		go func() {
			select {
			case <-stop:
				cancel(&core.InterruptedError{Reason: "asked to stop"})
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}
