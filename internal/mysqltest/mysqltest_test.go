package mysqltest_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/internal/mysqltest"
)

// A server is what its kind says, keeps what was committed when it is killed, and
// leaves nothing behind.
func TestServers(t *testing.T) {
	for kind, version := range map[mysqltest.Kind]string{mysqltest.MariaDB: "MariaDB", mysqltest.MySQL80: "8.0.12", mysqltest.MySQL: "."} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := mysqltest.New(kind)
			t.Cleanup(s.Stop)
			dsn := s.Database(t)
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			var got string
			if err := db.QueryRow("SELECT VERSION()").Scan(&got); err != nil || !strings.Contains(got, version) {
				t.Errorf("got version %q (%v), want %q in it", got, err, version)
			}
			t.Log(got)
			if _, err := db.Exec("CREATE TABLE a (x int)"); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("INSERT INTO a VALUES (1)"); err != nil {
				t.Fatal(err)
			}
			s.Kill(t)
			if err := db.Ping(); err == nil {
				t.Error("a killed server answers")
			}
			s.Restart(t)
			var rows int
			if err := db.QueryRow("SELECT COUNT(*) FROM a").Scan(&rows); err != nil || rows != 1 {
				t.Errorf("after a crash: got %d rows (%v), want 1", rows, err)
			}
		})
	}
}
