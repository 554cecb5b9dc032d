package local

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flamingock/flamingock-go/internal/awstest"
	"github.com/flamingock/flamingock-go/localstack-tests/route"
)

//go:embed pom.xml
var pom string

//go:embed Loopback.java
var loopback string

// DynamoDB is the route to DynamoDB Local alone: a Java program from Maven.
type DynamoDB struct{ Cache Cache }

// Name implements route.Route.
func (DynamoDB) Name() string { return "dynamodb" }

// Prepare installs what the route needs, and returns the directory it is in.
func (d DynamoDB) Prepare(ctx context.Context) (string, error) {
	p, err := d.prepare(ctx)
	return p.dir, err
}

// Start implements route.Route.
func (d DynamoDB) Start(ctx context.Context) (*route.Server, error) {
	p, err := d.prepare(ctx)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// One database for all: what a client says is its region and key does not matter.
	command := append(p.command(), "-disableTelemetry", "-inMemory", "-sharedDb", "-port", strconv.Itoa(port))
	server, err := start(ctx, nil, command)
	if err != nil {
		return nil, err
	}
	base := address(port)
	if err := server.ready(ctx, func(ctx context.Context) error { return awstest.Answers(ctx, base, false) }); err != nil {
		return nil, err
	}
	return &route.Server{About: "DynamoDB Local, from Maven", DynamoDB: base, Stop: server.stop, Said: server.said}, nil
}

// program is an installed DynamoDB Local.
type program struct{ java, dir string }

// command is what starts it, but for its own options.
func (p program) command() []string {
	lib := filepath.Join(p.dir, "lib")
	return []string{
		p.java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", // to start fast, and stay small
		"-Djava.library.path=" + lib,
		"-cp", filepath.Join(p.dir, "classes") + string(os.PathListSeparator) + filepath.Join(lib, "*"),
		"Loopback",
	}
}

// prepare lays the program out in the cache.
func (d DynamoDB) prepare(ctx context.Context) (program, error) {
	java, err := java(ctx)
	if err != nil {
		return program{}, err
	}
	dir, err := d.Cache.installed(ctx, "dynamodb", []string{pom, loopback}, func(dir string) error { return d.install(ctx, java, dir) })
	return program{java, dir}, err
}

func (d DynamoDB) install(ctx context.Context, java, dir string) error {
	mvn, err := maven()
	if err != nil {
		return err
	}
	source := filepath.Join(dir, "Loopback.java")
	for path, text := range map[string]string{source: loopback, filepath.Join(dir, "pom.xml"): pom} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	lib := filepath.Join(dir, "lib")
	if err := tool(ctx, dir, nil, mvn, "-q", "-B", "-Dmaven.repo.local="+d.Cache.path("m2"), "dependency:copy-dependencies", "-DoutputDirectory="+lib); err != nil {
		return err
	}
	jars, err := filepath.Glob(filepath.Join(lib, "*.jar"))
	if err != nil {
		return err
	}
	return tool(ctx, dir, nil, java, "-jar", filepath.Join(lib, "ecj.jar"), "-"+strconv.Itoa(javaAtLeast),
		"-cp", strings.Join(jars, string(os.PathListSeparator)), "-d", filepath.Join(dir, "classes"), source)
}
