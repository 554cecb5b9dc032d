// Package container runs LocalStack's image with testcontainers-go.
package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/localstack"

	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

// Image is the last one that runs without an account; later ones need a token.
const Image = "localstack/localstack:4.14.0"

const port = "4566/tcp"

// Route is the route to LocalStack in a container, published on 127.0.0.1 only. The
// container is not given Docker's socket, which would let it do anything: it cannot
// invoke Lambda functions.
type Route struct {
	// Say tells the user what is done on their behalf.
	Say func(format string, args ...any)
}

// Name implements route.Route.
func (Route) Name() string { return "container" }

// Start implements route.Route.
func (r Route) Start(ctx context.Context) (_ *route.Server, err error) {
	log.SetDefault(quiet{}) // its errors say enough
	if err := r.engine(ctx); err != nil {
		return nil, err
	}
	if err := r.reachEngineHere(); err != nil {
		return nil, err
	}
	c, err := localstack.Run(ctx, Image,
		testcontainers.WithEnv(map[string]string{
			"PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "v2", // DynamoDB's own streams: the others need Kinesis, which would be downloaded
			"EAGER_SERVICE_LOADING":             "0", "DYNAMODB_IN_MEMORY": "1", "DISABLE_EVENTS": "1", "SKIP_SSL_CERT_DOWNLOAD": "1",
			"SQS_ENDPOINT_STRATEGY": "dynamic", // a queue's URL begins as the client's does, whatever port is published
		}),
		testcontainers.WithHostConfigModifier(confine),
	)
	if err != nil {
		if c != nil {
			err = errors.Join(err, c.Terminate(context.WithoutCancel(ctx)))
		}
		return nil, fmt.Errorf("%s: %w", Image, err)
	}
	base, err := c.PortEndpoint(ctx, port, "http")
	if err != nil {
		return nil, errors.Join(err, c.Terminate(context.WithoutCancel(ctx)))
	}
	return &route.Server{
		About: Image + ", by testcontainers-go", LocalStack: base,
		Stop: func(ctx context.Context) error { return c.Terminate(ctx, testcontainers.StopTimeout(0)) }, // it keeps nothing,
		Said: func() string { return said(context.WithoutCancel(ctx), c) },
	}, nil
}

// confine takes back what the module gives the container.
func confine(h *container.HostConfig) {
	h.Binds = nil                        // Docker's socket
	if local(os.Getenv("DOCKER_HOST")) { //nolint:forbidigo // testcontainers reads it too
		h.PortBindings = network.PortMap{
			network.MustParsePort(port): {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}},
		}
	}
}

// local tells whether containers are published on this machine.
func local(dockerHost string) bool {
	return !strings.HasPrefix(dockerHost, "tcp:") && !strings.HasPrefix(dockerHost, "http") && !strings.HasPrefix(dockerHost, "ssh:")
}

// reachEngineHere corrects testcontainers where the engine runs in the same
// container as we: it looks for it, and so for what it publishes, outside.
func (r Route) reachEngineHere() error {
	const override = "TESTCONTAINERS_HOST_OVERRIDE"
	if runtime.GOOS != "linux" || os.Getenv(override) != "" || os.Getenv("DOCKER_HOST") != "" { //nolint:forbidigo // testcontainers reads them too
		return nil
	}
	if _, err := os.Stat("/.dockerenv"); err != nil {
		return nil //nolint:nilerr // not in a container
	}
	if _, err := net.InterfaceByName("docker0"); err != nil {
		return nil //nolint:nilerr // the engine is another machine's
	}
	r.Say("the Docker engine runs in this container: %s=127.0.0.1", override)
	return os.Setenv(override, "127.0.0.1")
}

// said returns the end of the container's log.
func said(ctx context.Context, c testcontainers.Container) string {
	const most = 2000
	logs, err := c.Logs(ctx)
	if err != nil {
		return err.Error()
	}
	defer logs.Close() //nolint:errcheck // nothing is lost
	text, err := io.ReadAll(logs)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// quiet is a logger of testcontainers.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
