package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

const (
	// routeVariable tells the command, in words, what serves it.
	routeVariable = "FLAMINGOCK_TEST_LOCALSTACK_ROUTE"
	// startTimeout bounds the search for a route that works, with all installing.
	startTimeout = 15 * time.Minute
	// endTimeout bounds how long the server is asked for its health, and to stop.
	endTimeout = 30 * time.Second
)

// GoneError says that the server ended, or hung, before the command did.
type GoneError struct {
	Name string
	Err  error
	Said string
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("FAILED: the server of the route %s is gone: %v; the end of its log:\n%s", e.Name, e.Err, e.Said)
}

func (e *GoneError) Unwrap() error { return e.Err }

// run runs the command beside the best server, and returns its exit code. It must
// have a server where must is set.
func (c *command) run(ctx context.Context, routes []route.Route, must bool, args []string) (code int, err error) {
	choice, err := c.choose(ctx, routes)
	if err != nil {
		return 1, err
	}
	server := choice.Server
	if server == nil && must {
		return 1, fmt.Errorf("no server: %w", choice.Passed[0].Err)
	}
	if server == nil {
		c.say("no server; tests that need one are skipped")
		server = &route.Server{}
	}
	if server.Stop != nil {
		defer func() {
			ctx, cancel := context.WithTimeout(ctx, endTimeout)
			defer cancel()
			if stopErr := server.Stop(ctx); stopErr != nil {
				code, err = max(code, 1), errors.Join(err, stopErr)
			}
		}()
	}
	code, err = c.child(ctx, append(c.environ,
		awstest.LocalStackVariable+"="+server.LocalStack, awstest.DynamoDBVariable+"="+server.DynamoDB, routeVariable+"="+choice.Summary()), args)
	if choice.Server == nil {
		return code, err
	}
	return code, errors.Join(err, gone(ctx, choice))
}

// choose starts a server. A signal meanwhile ends the search, and what it started.
func (c *command) choose(ctx context.Context, routes []route.Route) (route.Choice, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	start := c.clock()
	choice, err := route.Best(ctx, routes, func(p route.Passed) { c.say("%v", p) })
	if err == nil && choice.Server != nil {
		c.say("took %s, ready in %s", choice.Summary(), c.clock().Sub(start).Round(100*time.Millisecond))
	}
	return choice, err
}

// gone is the error of a server that did not survive the command, whatever the
// command made of it.
func gone(ctx context.Context, choice route.Choice) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	err := choice.Server.Answers(ctx)
	if err == nil {
		return nil
	}
	said := "(not ours)"
	if choice.Server.Said != nil {
		said = choice.Server.Said()
	}
	return &GoneError{choice.Name, err, said}
}

// child runs the command to its end, passing signals on.
func (c *command) child(ctx context.Context, environ, args []string) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, os.Stdin, c.out, c.log
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) //nolint:errcheck // it may have ended already
		case err := <-ended:
			exit := (*exec.ExitError)(nil)
			if errors.As(err, &exit) {
				return max(exit.ExitCode(), 1), nil
			}
			return 0, err
		}
	}
}
