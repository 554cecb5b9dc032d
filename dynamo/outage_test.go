package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flamingock/flamingock-go/core"
)

// throttles refuses everything for d: by the table, and by the account.
func throttles(d time.Duration) fault {
	end := time.Now().Add(d)
	n := 0
	return func(w *wire, x *exchange) (*http.Response, error) {
		n++
		switch {
		case time.Now().After(end):
			w.all(nil)
			return pass(w, x)
		case n%2 == 0:
			return overloaded(w, x)
		}
		return throttled(w, x)
	}
}

// TestThrottledFor30Seconds throttles everything from one request on.
func TestThrottledFor30Seconds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	for k, want := range map[int]string{1: "SUCCESS", 3: "", 4: ""} {
		c.waits(fmt.Sprint("from request ", k, " on"), func(t testing.TB) {
			w := b.world(t, core.Stage{Name: "main", Changes: []core.Change{plain("n1", "1"), shared("s1", "2"), plain("n2", "3")}})
			w.leased(30 * time.Second)
			p := w.process("throttled")
			p.at = func(n int, _ string) fault {
				if n != k {
					return nil
				}
				f := throttles(30 * time.Second)
				p.all(f)
				return f
			}
			began := time.Now()
			o := p.apply()
			t.Logf("30 s of throttling from request %d on: %s after %s: %v; ledger: %v", k, o.code(), time.Since(began).Round(time.Second), o.err, w.states())
			if want != "" && o.code() != want {
				t.Errorf("got %s: %v", o.code(), o.err)
			}
			var full *core.StoreError
			if errors.As(o.err, &full) {
				t.Errorf("throttling is taken for a definite error: %v", o.err)
			}
			w.heal()
			w.mustBeDone()
		})
	}
	c.wait()
}

// holding is a change that goes on until it is let go.
func holding(id, order string, began chan<- struct{}, until <-chan struct{}) core.Change {
	c := plain(id, order)
	do := c.Apply.Do
	c.Apply.Do = func(ctx context.Context, s *core.Session) error {
		close(began)
		select {
		case <-until:
		case <-ctx.Done():
			return ctx.Err()
		}
		return do(ctx, s)
	}
	return c
}

// Renewals that collide, are throttled or get no answer are tried again while the
// trust lasts; the holder keeps its lease.
func TestRenewalsAreDisturbed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	for name, f := range map[string]fault{
		"conflict": times(4, conflicts), "throttled": times(4, throttled), "500": times(2, fails500), "lost before": failBefore, "answer lost": loseAnswer,
		"answer lost twice": times(2, loseAnswer), "late": late, "hangs": hangAfter, "expired": times(2, expired),
	} {
		c.waits(name, func(t testing.TB) {
			began, until := make(chan struct{}), make(chan struct{})
			w := b.world(t, core.Stage{Name: "main", Changes: []core.Change{holding("n1", "1", began, until), shared("s1", "2")}})
			w.leased(6 * time.Second)
			p, renewals := w.process("holder"), 0
			p.at = func(_ int, op string) fault { // renewals come one at a time
				if op != "UpdateItem" {
					return nil
				}
				if renewals++; renewals == 3 {
					close(until)
				}
				if renewals == 1 {
					return f
				}
				return nil
			}
			if o := p.apply(); o.err != nil || strings.Count(strings.Join(p.ops(), " "), "UpdateItem") < 3 {
				t.Errorf("%v after %v", o.err, p.ops())
			}
			if s := w.load(); s.Head.Token != 1 {
				t.Errorf("the lease was taken %d times", s.Head.Token)
			}
			w.mustBeDone()
		})
	}
	c.wait()
}

// Credentials that are refused for good end the run; nothing that began is lost.
func TestCredentialsExpireForGood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := newCrowd(t, b)
	for k := 1; k <= 6; k++ {
		c.waits(fmt.Sprint("from request ", k, " on"), func(t testing.TB) {
			w := b.world(t, core.Stage{Name: "main", Changes: []core.Change{plain("n1", "1"), shared("s1", "2"), retried("r1", "3")}})
			w.leased(soon)
			p := w.process("expired")
			p.at = func(n int, _ string) fault {
				if n >= k {
					return expired
				}
				return nil
			}
			o := p.apply()
			if o.err == nil || !strings.Contains(o.err.Error(), "expired") {
				t.Errorf("got %v", o.err)
			}
			t.Logf("credentials expired for good at request %d: %s: %v", k, o.code(), o.err)
			w.heal()
			w.mustBeDone()
		})
	}
	c.wait()
}
