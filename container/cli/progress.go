package cli

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/flamingock/flamingock-go/core/run"
)

// progress shows on stderr what a run is doing: one live line on a terminal,
// plain lines elsewhere, log records when the output is for programs.
type progress struct {
	c    *command
	live bool
	log  *slog.Logger // set when the output is JSON

	mu      sync.Mutex
	current *run.ChangeStarted
	step    string
	since   time.Time // of the current change or wait
	waiting *run.Waiting
	told    time.Time // when the last plain line about the same thing was printed
	drawn   bool
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

// stillEvery is how often a plain line says that something long is still going on.
const stillEvery = 10 * time.Second

func (c *command) newProgress() *progress {
	p := &progress{c: c, stop: make(chan struct{}), stopped: make(chan struct{})}
	if c.output == "json" {
		p.log = c.logger()
	} else {
		p.live = isTerminal(c.proc.Stderr) && !c.quiet
	}
	go p.tick()
	return p
}

func (p *progress) tick() {
	defer close(p.stopped)
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	asked := p.c.proc.Stop
	for {
		select {
		case <-p.stop:
			return
		case <-asked:
			asked = nil
			p.mu.Lock()
			p.stopping()
			p.mu.Unlock()
		case <-t.C:
			p.mu.Lock()
			if p.live {
				p.draw()
			} else {
				p.still()
			}
			p.mu.Unlock()
		}
	}
}

// stopping tells what a request to stop does.
func (p *progress) stopping() {
	switch {
	case p.current != nil && p.c.app() != nil:
		p.say("stopping: %s gets %s to end; a second signal ends the process at once, and then a person may have to find out what became of it", p.current.ChangeID, p.c.app().Config.Grace)
	default:
		p.say("stopping")
	}
	p.record("asked to stop")
}

// close removes the live line. It may be called twice.
func (p *progress) close() {
	p.once.Do(func() {
		close(p.stop)
		<-p.stopped
		p.mu.Lock()
		defer p.mu.Unlock()
		p.clear()
	})
}

// event is the Runner's listener.
func (p *progress) event(e run.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.c.proc.Now()
	switch e := e.(type) {
	case run.Planned:
	case run.Waiting:
		first := p.waiting == nil
		p.waiting = &e
		if first {
			p.since, p.told = now, now
			p.say("waiting for the lock: held by execution %s on %s since %s", e.Holder.Execution, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
		}
	case run.Acquired:
		p.waiting = nil
		if e.Takeover {
			p.say("took the lock over from execution %s on %s, which gave no sign of life", e.From.Execution, e.From.Host)
		}
		p.record("lock acquired", run.LogExecution, e.ExecutionID, run.LogToken, e.Token, run.LogTakeover, e.Takeover)
	case run.Settled:
		p.say("%s: %s", e.ChangeID, e.Verdict.Reason)
		p.record("change settled", run.LogChange, e.ChangeID, run.LogStage, e.Stage, run.LogDecision, e.Verdict.Decision, run.LogReason, e.Verdict.Reason)
	case run.ChangeStarted:
		p.current, p.step, p.since, p.told = &e, "", now, now
		p.record("change started", run.LogChange, e.ChangeID, run.LogStage, e.Stage, run.LogIndex, e.Index, run.LogTotal, e.Total, run.LogAttempt, e.Attempt)
	case run.Progressed:
		p.step = e.Progress.Text
		if e.Progress.Total > 1 {
			p.step = fmt.Sprintf("%d/%d %s", e.Progress.Done+1, e.Progress.Total, e.Progress.Text)
		}
	case run.RollingBack:
		p.step = "rolling back"
		p.say("%s failed, rolling back: %s", e.ChangeID, e.Cause)
		p.record("rolling back", run.LogChange, e.ChangeID, run.LogStage, e.Stage)
	case run.ChangeEnded:
		if cur := p.current; cur != nil {
			p.say("[%d/%d] %s %s %s", cur.Index, cur.Total, e.Change.ChangeID, e.Change.Status, short(e.Change.Duration))
		}
		p.record("change ended", run.LogChange, e.Change.ChangeID, run.LogStage, e.Stage, run.LogStatus, e.Change.Status, run.LogDuration, e.Change.Duration.Milliseconds())
		p.current = nil
	case run.Warned:
		text := e.Text
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		p.clear()
		p.c.warn(text)
	}
}

// warn warns, above the live line.
func (p *progress) warn(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.c.tell(text)
}

// say prints a plain line. On a terminal it stays above the live line.
func (p *progress) say(format string, args ...any) {
	if p.log != nil || p.c.quiet {
		return
	}
	p.clear()
	fmt.Fprintln(p.c.proc.Stderr, oneLine(p.c.redact(fmt.Sprintf(format, args...))))
}

// record logs, when the output is for programs.
func (p *progress) record(msg string, args ...any) {
	if p.log != nil {
		p.log.InfoContext(context.Background(), msg, args...) //nolint:forbidigo,sloglint // a log line belongs to no call; the text is what is logged
	}
}

// still says now and then that something long is going on.
func (p *progress) still() {
	now := p.c.proc.Now()
	if now.Sub(p.told) < stillEvery {
		return
	}
	switch {
	case p.current != nil:
		p.told = now
		p.say("[%d/%d] %s still running after %s %s", p.current.Index, p.current.Total, p.current.ChangeID, short(now.Sub(p.since)), p.step)
		p.record("change still running", run.LogChange, p.current.ChangeID, run.LogStage, p.current.Stage, run.LogElapsed, now.Sub(p.since).Milliseconds())
	case p.waiting != nil:
		p.told = now
		p.say("still waiting for the lock after %s: held by execution %s on %s", short(now.Sub(p.since)), p.waiting.Holder.Execution, p.waiting.Holder.Host)
		p.record("waiting for the lock", run.LogExecution, p.waiting.Holder.Execution, run.LogHost, p.waiting.Holder.Host, run.LogWaited, now.Sub(p.since).Milliseconds())
	}
}

// draw draws the live line.
func (p *progress) draw() {
	now := p.c.proc.Now()
	var line string
	switch {
	case p.current != nil:
		line = fmt.Sprintf("[%d/%d] %s  %s  %s", p.current.Index, p.current.Total, p.current.ChangeID, clock(now.Sub(p.since)), p.step)
	case p.waiting != nil:
		line = fmt.Sprintf("waiting for the lock  %s of %s  held by %s on %s", clock(now.Sub(p.since)), p.waiting.Limit, p.waiting.Holder.Execution, p.waiting.Holder.Host)
	default:
		p.clear()
		return
	}
	line = oneLine(p.c.redact(line))
	if width := p.width(); len([]rune(line)) >= width {
		line = string([]rune(line)[:max(width-1, 0)])
	}
	fmt.Fprintf(p.c.proc.Stderr, "\r\x1b[2K%s", line)
	p.drawn = true
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.c.proc.Stderr, "\r\x1b[2K")
		p.drawn = false
	}
}

func (p *progress) width() int {
	if f, ok := p.c.proc.Stderr.(interface{ Fd() uintptr }); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// clock formats a running time without flicker: tenths of a second, then
// minutes and seconds.
func clock(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
