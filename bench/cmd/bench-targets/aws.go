package main

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/flamingock/flamingock-go/internal/awstest"
)

// hostOf is where the simulator of a configuration listens.
func hostOf(tb server, cfg aws.Config) string {
	u, err := url.Parse(aws.ToString(cfg.BaseEndpoint))
	must(tb, err)
	return u.Host
}

// ours begins the names of what is made on simulators that others use, too.
func ours() string { return fmt.Sprintf("flamingock-bench-targets-%d", os.Getpid()) }

// awsConfig is that of a target system of a type of AWS, whose credentials come from the
// environment.
func awsConfig(tb server, kind, more string) func(string) string {
	for key, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": awstest.Region} {
		must(tb, os.Setenv(key, value)) // of this process
	}
	return func(addr string) string { return fmt.Sprintf("type: %s\nendpoint: http://%s\n%s", kind, addr, more) }
}

// bareAWS is a client of the SDK.
type bareAWS struct {
	all, one func(ctx context.Context, n int) error
}

func (b bareAWS) same(ctx context.Context, n int) error  { return b.all(ctx, n) }
func (b bareAWS) plain(ctx context.Context, n int) error { return b.one(ctx, n) }
func (b bareAWS) close() error                           { return nil }

// later is a context for what is done in the end.
func later(tb server) context.Context { return context.WithoutCancel(tb.Context()) }

// inTurn does one thing after the other, until one fails.
func inTurn(calls ...func() error) error {
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}
