// Command localstack starts an AWS simulator for tests and runs a command beside it.
//
//	localstack run [-route auto] -- make test     the command's exit code is ours
//	localstack prepare [-route host]              installs only; prints the directory
//
// With the route auto it takes the first that works: env (a server that
// FLAMINGOCK_TEST_LOCALSTACK_URI or FLAMINGOCK_TEST_DYNAMODB_URI names), container
// (Docker), host (Python and Java), dynamodb (Java: DynamoDB Local alone). It says
// which, and what was wrong with those before it. If none works the command runs
// without, and tests that need one are skipped; a route that is asked for by name
// must work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/flamingock/flamingock-go/localstack-tests/container"
	"github.com/flamingock/flamingock-go/localstack-tests/local"
	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

const usage = "usage: localstack run [-route auto|env|container|host|dynamodb] -- command…\n       localstack prepare [-route host|dynamodb]"

func main() {
	c := command{out: os.Stdout, log: os.Stderr, clock: time.Now, environ: os.Environ(), get: os.Getenv} //nolint:forbidigo // a main
	code, err := c.main(context.Background(), os.Args[1:])                                               //nolint:forbidigo // a main
	if err != nil {
		c.say("%v", err)
		code = max(code, 1)
	}
	os.Exit(code) //nolint:forbidigo // a main
}

// command is the program with what it takes from outside.
type command struct {
	out, log io.Writer
	clock    func() time.Time
	environ  []string
	get      func(string) string
}

func (c *command) say(format string, args ...any) {
	fmt.Fprintf(c.log, "localstack: "+format+"\n", args...)
}

func (c *command) main(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New(usage)
	}
	flags := flag.NewFlagSet("localstack", flag.ContinueOnError)
	flags.SetOutput(c.log)
	name := flags.String("route", "", "how to get the server")
	if err := flags.Parse(args[1:]); err != nil {
		return 2, errors.New(usage)
	}
	wd, err := os.Getwd()
	if err != nil {
		return 1, err
	}
	cache, err := local.FindCache(wd)
	if err != nil {
		return 1, err
	}
	switch {
	case args[0] == "run" && flags.NArg() > 0:
		routes, err := c.routes(*name, cache)
		if err != nil {
			return 2, err
		}
		return c.run(ctx, routes, *name != "" && *name != "auto", flags.Args())
	case args[0] == "prepare" && flags.NArg() == 0:
		return 0, c.prepare(ctx, *name, cache)
	}
	return 2, errors.New(usage)
}

// routes returns those to try, in order.
func (c *command) routes(name string, cache local.Cache) ([]route.Route, error) {
	all := []route.Route{route.Environment{Get: c.get}, container.Route{Say: c.say}, local.Host{Cache: cache}, local.DynamoDB{Cache: cache}}
	if name == "" || name == "auto" {
		return all, nil
	}
	for _, r := range all {
		if r.Name() == name {
			return []route.Route{r}, nil
		}
	}
	return nil, fmt.Errorf("there is no route %q\n%s", name, usage)
}

// prepare installs what a route needs, and prints where.
func (c *command) prepare(ctx context.Context, name string, cache local.Cache) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	var dir string
	var err error
	switch name {
	case "host", "":
		dir, err = local.Host{Cache: cache}.Prepare(ctx)
	case "dynamodb":
		dir, err = local.DynamoDB{Cache: cache}.Prepare(ctx)
	default:
		err = fmt.Errorf("nothing to prepare for the route %q", name)
	}
	if err == nil {
		fmt.Fprintln(c.out, dir)
	}
	return err
}
