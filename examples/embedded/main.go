// Command embedded is a service that applies its changes when it starts, to the
// database that it uses itself, and then serves:
//
//	go run ./examples/embedded -dir /tmp
//
// Many replicas may start at once: one of them applies the changes while the others
// wait for it.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver
)

func main() {
	dir := flag.String("dir", ".", "directory of the database and of the history")
	address := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := service(ctx, *dir, *address, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// service applies the changes and then serves, until ctx ends.
func service(ctx context.Context, dir, address string, log io.Writer) (err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	report, err := applyChanges(ctx, db, filepath.Join(dir, "audit.db"))
	if report != nil {
		show(log, report)
	}
	if err != nil {
		return fmt.Errorf("the service does not start: %w", err)
	}
	return serve(ctx, db, address, log)
}

func serve(ctx context.Context, db *sql.DB, address string, log io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var orders int
		if err := db.QueryRowContext(r.Context(), "SELECT count(*) FROM orders").Scan(&orders); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%d orders\n", orders)
	})}
	fmt.Fprintf(log, "listening on http://%s\n", listener.Addr())
	ended := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(last) //nolint:errcheck // what is still open is cut off when the process ends
	})
	defer ended()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
