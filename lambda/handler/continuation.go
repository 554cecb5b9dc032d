package handler

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
)

// What ends a chain of invocations that go on for each other.
const (
	maxChain = 24 * time.Hour // both CodePipeline and ECS give up by then
	maxCount = 2880           // one every 30 s of that
	// maxIdle is how many in a row may bring no change to an end: then there is one that
	// does not fit into an invocation.
	maxIdle = 5

	continuationVersion = "v1"
	maxContinuation     = 1024
)

// continuation is what an invocation leaves for the one that goes on for it. Whoever
// may invoke the function can also make one up: it decides nothing but when to give up.
type continuation struct {
	Version string `json:"flamingock"`
	Ledger  string `json:"ledger"`
	Since   int64  `json:"since"`          // when the first one began, in ms since 1970
	Count   int    `json:"count"`          // of invocations so far
	Idle    int    `json:"idle,omitempty"` // of the last ones, without an end of any change
	Held    int64  `json:"held,omitempty"` // since when the lock is another's, in ms since 1970
}

// readContinuation reads one of ours, for this ledger. "" is the first invocation.
func readContinuation(text, ledger string, now time.Time) (continuation, error) {
	foreign := func(reason string) error {
		return &core.ConfigError{
			Where: "the continuation token", Reason: reason, Next: "start the action or deployment anew: what was applied stays applied",
		}
	}
	if text == "" {
		return continuation{Version: continuationVersion, Ledger: ledger, Since: now.UnixMilli()}, nil
	}
	var c continuation
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if len(text) > maxContinuation || dec.Decode(&c) != nil || dec.Decode(&struct{}{}) != io.EOF {
		return c, foreign("it is none of Flamingock's")
	}
	latest := now.Add(time.Hour).UnixMilli() // clocks differ
	switch {
	case c.Version != continuationVersion:
		return c, foreign("it is of another version of Flamingock")
	case c.Ledger != ledger:
		return c, foreign("it is for another ledger than " + ledger)
	case c.Since <= 0 || c.Since > latest || c.Held < 0 || c.Held > latest || c.Count < 0 || c.Idle < 0:
		return c, foreign("its numbers make no sense")
	}
	return c, nil
}

// waited is how long the lock was another's in the invocations before.
func (c *continuation) waited(now time.Time) time.Duration {
	if c.Held == 0 {
		return 0
	}
	return max(now.Sub(time.UnixMilli(c.Held)), time.Millisecond)
}

// next says whether another invocation is to go on after o, and with what.
func (c continuation) next(o *outcome, cfg *config.Config, began, now time.Time) (continuation, bool) {
	if o.code().Exit() != core.CodeDeadlineNear.Exit() || cfg == nil {
		return c, false
	}
	c.Count = min(c.Count, maxCount) + 1 // whoever made the token up
	if c.Count > maxCount || now.Sub(time.UnixMilli(c.Since)) > maxChain {
		return c, false
	}
	switch {
	case o.applied() > 0:
		c.Idle, c.Held = 0, 0
	case o.code() == core.CodeLockHeld:
		if c.Held == 0 {
			c.Held = began.UnixMilli()
		}
		return c, c.waited(now) < cfg.Lock.Wait
	default:
		c.Idle = min(c.Idle, maxIdle) + 1
		c.Held = 0
	}
	return c, c.Idle < maxIdle
}

func (c continuation) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		return "" // texts and numbers only
	}
	return string(text)
}
