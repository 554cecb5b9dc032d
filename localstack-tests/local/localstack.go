package local

import (
	"context"
	_ "embed"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

//go:embed requirements.txt
var requirements []byte

//go:embed installer.txt
var installer []byte

//go:embed launch.py
var launcher []byte

// Host is the route to LocalStack as a plain process: Python packages, with the
// DynamoDB Local of the other route.
type Host struct{ Cache Cache }

// Name implements route.Route.
func (Host) Name() string { return "host" }

// Prepare installs what the route needs, and returns the directory it is in.
func (h Host) Prepare(ctx context.Context) (string, error) {
	dir, _, err := h.prepare(ctx)
	return dir, err
}

// Start implements route.Route.
func (h Host) Start(ctx context.Context) (*route.Server, error) {
	dir, dynamoDB, err := h.prepare(ctx)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	variables, err := settings(dir, port, dynamoDB)
	if err != nil {
		return nil, err
	}
	server, err := start(ctx, variables, []string{interpreter(dir), filepath.Join(dir, "launch.py")})
	if err != nil {
		return nil, err
	}
	base := address(port)
	if err := server.ready(ctx, func(ctx context.Context) error { return awstest.Answers(ctx, base, true) }); err != nil {
		return nil, err
	}
	return &route.Server{About: "LocalStack 4.14.0 as a process, from PyPI and Maven", LocalStack: base, Stop: server.stop, Said: server.said}, nil
}

// settings is the server's whole environment: what the user has set for a
// LocalStack of their own must not change ours.
func settings(dir string, port int, dynamoDB program) ([]string, error) {
	command, err := json.Marshal(dynamoDB.command())
	if err != nil {
		return nil, err
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return []string{
		"PATH=/usr/bin:/bin", "LANG=C.UTF-8",
		variable("HOME", filepath.Join(dir, "home")), // it keeps a list of its parts there
		variable("GATEWAY_LISTEN", at), variable("LOCALSTACK_HOST", at), variable("FLAMINGOCK_DYNAMODB_COMMAND", string(command)),
		"SQS_ENDPOINT_STRATEGY=dynamic",        // a queue's URL begins as the client's does
		"OVERRIDE_IN_DOCKER=0",                 // even if this is a container: so that the next one counts
		"FILESYSTEM_ROOT=files",                // in the process's directory, in place of /usr/lib and /var/lib
		"DNS_ADDRESS=0",                        // no name server on port 53
		"PROVIDER_OVERRIDE_DYNAMODBSTREAMS=v2", // DynamoDB's own streams: the others need Kinesis, which would be downloaded
		"EAGER_SERVICE_LOADING=0", "DYNAMODB_IN_MEMORY=1", "DISABLE_EVENTS=1", "SKIP_SSL_CERT_DOWNLOAD=1",
	}, nil
}

// prepare installs LocalStack and DynamoDB Local.
func (h Host) prepare(ctx context.Context) (string, program, error) {
	python, err := python(ctx) // first: it is what is most often not there
	if err != nil {
		return "", program{}, err
	}
	dynamoDB, err := DynamoDB(h).prepare(ctx)
	if err != nil {
		return "", program{}, err
	}
	madeOf := []string{string(requirements), string(installer), string(launcher), python}
	dir, err := h.Cache.installed(ctx, "host", madeOf, func(dir string) error { return h.install(ctx, python, dir) })
	return dir, dynamoDB, err
}

func (h Host) install(ctx context.Context, python, dir string) error {
	list, tools := filepath.Join(dir, "requirements.txt"), filepath.Join(dir, "installer.txt")
	for path, text := range map[string][]byte{list: requirements, tools: installer, filepath.Join(dir, "launch.py"): launcher} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o755); err != nil {
		return err
	}
	if err := tool(ctx, dir, nil, python, "-m", "venv", filepath.Join(dir, "venv")); err != nil {
		return err
	}
	// pip gets uv, and uv the rest: many times as fast.
	if err := tool(ctx, dir, nil, interpreter(dir), "-m", "pip", "install", "-q", "--no-cache-dir", "--require-hashes", "-r", tools); err != nil {
		return err
	}
	return tool(ctx, dir, []string{variable("UV_CACHE_DIR", h.Cache.path("uv"))},
		interpreter(dir), "-m", "uv", "pip", "install", "-q", "--python", interpreter(dir), "--require-hashes", "-r", list)
}

func interpreter(dir string) string { return filepath.Join(dir, "venv", "bin", "python") }
