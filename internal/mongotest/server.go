package mongotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Variable names the environment variable with the URI of a replica set, without a
// database, whose user may make databases.
const Variable = "FLAMINGOCK_TEST_MONGODB_URI"

const (
	mongoImage    = "mongo:8.0"
	ferretImage   = "flamingock/ferretdb:2.7.0"
	startTimeout  = 90 * time.Second
	startInterval = 100 * time.Millisecond
)

// Server is one server. It is started on first use and shared by the tests of a package:
// keep it in a variable of the package, and call Stop after its tests.
type Server struct {
	variable string
	image    string
	args     []string
	missing  string // what to say where there is none
	prepare  func(ctx context.Context, c *mongo.Client) error

	once  sync.Once
	uri   string
	err   error
	life  io.Closer // the container ends when this is closed, or when we are gone
	watch *exec.Cmd

	mu   sync.Mutex
	made int
}

// ReplicaSet is a real one. Tests that lack it are skipped even where skips are failures:
// no registry has MongoDB, and images cannot be pulled everywhere.
func ReplicaSet() *Server {
	return &Server{
		variable: Variable, image: mongoImage, args: []string{"--replSet", "rs0", "--bind_ip_all"}, prepare: initiate,
		missing: "does not apply: there is no replica set of MongoDB here: set " + Variable + ", or docker pull " + mongoImage,
	}
}

// Standalone is a server without transactions: FerretDB. FLAMINGOCK_TEST_FERRETDB=absent
// says that there is none, and that its tests are not to fail for that.
func Standalone() *Server {
	missing := "needs FerretDB: make its image with internal/mongotest/image/build (a Docker engine is needed)"
	if os.Getenv("FLAMINGOCK_TEST_FERRETDB") == "absent" {
		missing = "does not apply: FLAMINGOCK_TEST_FERRETDB says that there is no FerretDB here"
	}
	return &Server{image: ferretImage, missing: missing}
}

// Stop ends the server if it was started.
func (s *Server) Stop() {
	if s.life != nil {
		_ = s.life.Close() // the container ends either way
		_ = s.watch.Wait() // nor does it matter how
	}
}

// Start starts the server, or skips the test, and returns its URI, without a database. It
// leads to this one server, whatever that says of its set.
func (s *Server) Start(t testing.TB) string {
	t.Helper()
	s.once.Do(func() {
		if s.variable != "" && os.Getenv(s.variable) != "" {
			s.uri = os.Getenv(s.variable)
			return
		}
		if s.err = s.launch(); s.err != nil {
			s.Stop()
		}
	})
	switch {
	case errors.Is(s.err, errMissing):
		t.Skip(s.missing)
	case s.err != nil:
		t.Fatalf("the server of %s did not start: %v", s.image, s.err)
	}
	return s.uri
}

var errMissing = errors.New("there is no such image here")

func (s *Server) launch() error {
	if exec.Command("docker", "image", "inspect", s.image).Run() != nil {
		return errMissing
	}
	args := append([]string{"run", "--detach", "--publish", "127.0.0.1::27017", "--label", "flamingock-test=mongodb", s.image}, s.args...)
	out, err := exec.Command("docker", args...).Output()
	if err != nil {
		return err
	}
	container := strings.TrimSpace(string(out))
	s.watch = exec.Command("/bin/sh", "-c", `read line; docker rm --force --volumes "$1" >/dev/null`, "sh", container)
	if s.life, err = s.watch.StdinPipe(); err != nil {
		return err
	}
	if err := s.watch.Start(); err != nil {
		return err
	}
	out, err = exec.Command("docker", "port", container, "27017/tcp").Output()
	if err != nil {
		return err
	}
	addr, _, _ := strings.Cut(string(out), "\n")
	s.uri = "mongodb://" + addr + "/?directConnection=true"
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return s.answers(ctx)
}

// answers waits until the server takes commands.
func (s *Server) answers(ctx context.Context) error {
	c, err := mongo.Connect(options.Client().ApplyURI(s.uri).SetServerSelectionTimeout(time.Second))
	if err != nil {
		return err
	}
	defer c.Disconnect(context.WithoutCancel(ctx))
	for {
		err := c.Ping(ctx, nil)
		if err == nil && s.prepare != nil {
			err = s.prepare(ctx, c)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(startInterval):
		}
	}
}

// initiate makes a replica set of one of a server that is to be one, and waits for its
// primary.
func initiate(ctx context.Context, c *mongo.Client) error {
	var hello struct {
		Primary bool `bson:"isWritablePrimary"`
	}
	admin := c.Database("admin")
	if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil || hello.Primary {
		return err
	}
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: "127.0.0.1:27017"}}}}}
	_ = admin.RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: config}}).Err()
	return errors.New("there is no primary yet")
}

// Client connects to the server as whoever the URI says. It ends with the test.
func (s *Server) Client(t testing.TB) *mongo.Client {
	t.Helper()
	return Client(t, s.Start(t))
}

// Client makes a client that ends with the test.
func Client(t testing.TB, uri string) *mongo.Client {
	t.Helper()
	c, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Disconnect(context.Background()); err != nil {
			t.Errorf("disconnect: %v", err)
		}
	})
	return c
}

// Database returns the name of a new database, which is dropped when the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	c := s.Client(t)
	s.mu.Lock()
	s.made++
	name := fmt.Sprintf("flamingock_%d_%d", os.Getpid(), s.made)
	s.mu.Unlock()
	t.Cleanup(func() {
		if err := c.Database(name).Drop(context.Background()); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return name
}
