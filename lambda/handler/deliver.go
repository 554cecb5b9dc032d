package handler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/events"
	"github.com/flamingock/flamingock-go/internal/awsclient"
)

// Between attempts to deliver an answer.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = 2 * time.Second
	attemptTime = 5 * time.Second
)

// clients keeps what calls backs need from one invocation to the next: connections and
// credentials.
type clients struct {
	mu     sync.Mutex
	cfg    *aws.Config
	queues map[string]string // URLs of queues, by ARN
}

func (c *clients) load(ctx context.Context) (aws.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg != nil {
		return *c.cfg, nil
	}
	cfg, err := awsclient.Load(ctx, awsclient.Settings{})
	if err != nil {
		return aws.Config{}, err
	}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // deliver tries again, as long as there is time
	c.cfg = &cfg
	return cfg, nil
}

// callBack is an answer that somebody waits for.
type callBack struct {
	to string // whom, in words
	// over are the codes of errors that say that nobody waits any more.
	over []string
	// hide are texts that must not be in an error.
	hide []events.Secret
	send func(context.Context, aws.Config) error
}

// deliver sends an answer until it is taken. It is nil also when nobody waits for it
// any more: an earlier attempt arrived, or somebody gave up. Otherwise the error makes
// the invocation fail, so that whoever invoked it tries again: that one finds the run
// done, and only answers.
func (in *invocation) deliver(ctx context.Context, c callBack, out *outcome) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err := in.insist(ctx, func(ctx context.Context) (bool, error) {
		cfg, err := in.h.clients.load(ctx)
		if err != nil {
			return false, err
		}
		err = c.send(ctx, cfg)
		var api smithy.APIError
		if errors.As(err, &api) && slices.Contains(c.over, api.ErrorCode()) {
			in.log.InfoContext(ctx, "nobody waits for the answer any more", "to", c.to, "code", api.ErrorCode())
			return false, nil
		}
		kind := awsclient.KindOf(err)
		return kind == awsclient.Throttled || kind == awsclient.Transient, err
	})
	if err == nil {
		return nil
	}
	err = awsclient.Explain(c.to, err)
	return in.undelivered(ctx, c, err, out)
}

// undelivered is the error of an answer that could not be given.
func (in *invocation) undelivered(ctx context.Context, c callBack, err error, out *outcome) error {
	text := core.Cap(hide(err.Error(), c.hide), 4000)
	code := core.CodeOf(err)
	in.log.ErrorContext(ctx, "the answer was not taken", "to", c.to, "code", code, "error", text)
	return failure(code, strings.Join(compact([]string{"the answer was not taken by " + c.to + ": " + text, "what it was about: " + out.text()}), "\n"))
}

// insist calls until it need not be called again, or there is no time left.
func (in *invocation) insist(ctx context.Context, call func(context.Context) (again bool, err error)) error {
	pause := firstPause
	for {
		limited, cancel := context.WithTimeout(ctx, attemptTime)
		again, err := call(limited)
		cancel()
		if err == nil || !again {
			return err
		}
		timer := time.NewTimer(time.Duration(float64(pause) * (0.5 + in.h.proc.Random()/2)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause = min(2*pause, longestWait)
	}
}

// hide removes secrets from a text, as they are and as they look in a URL's error.
func hide(text string, secrets []events.Secret) string {
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), "[secret]")
		}
	}
	return text
}
