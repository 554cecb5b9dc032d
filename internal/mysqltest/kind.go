package mysqltest

import (
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"

	"github.com/go-sql-driver/mysql"

	"github.com/flamingock/flamingock-go/internal/testserver"
)

// Kind is which server it is.
type Kind int

// The kinds.
const (
	// MariaDB is an installed MariaDB.
	MariaDB Kind = iota
	// MySQL80 is MySQL 8.0.12, from Maven Central: the oldest that is supported.
	MySQL80
	// MySQL is an installed one, which is newer. Tests that lack it are skipped even
	// where skips are failures: no registry has it for every machine.
	MySQL
)

func (k Kind) String() string {
	switch k {
	case MariaDB:
		return "MariaDB"
	case MySQL80:
		return "MySQL 8.0.12"
	case MySQL:
		return "installed MySQL"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Variable names the environment variable with the URI of a server whose user may
// create databases and users: mysql://user:password@host:port. "" for a kind that is
// always our own.
func (k Kind) Variable() string {
	switch k {
	case MariaDB:
		return "FLAMINGOCK_TEST_MARIADB_URI"
	case MySQL:
		return "FLAMINGOCK_TEST_MYSQL_URI"
	case MySQL80:
	}
	return ""
}

func parseURI(uri string) (*mysql.Config, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, err
	}
	c := config(u.Host)
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	return c, nil
}

// config is a connection as an administrator, but for the user's name.
func config(address string) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.Logger = "tcp", address, &mysql.NopLogger{} // it would tell of servers that we kill
	return c
}

// programs are the files of one server.
type programs struct {
	server, base, messages string
	libraries              string // where the loader finds more of them; may be ""
	// initialize makes an empty data directory.
	initialize func(data string) []string
}

func find(k Kind) (*programs, error) {
	switch k {
	case MariaDB:
		return mariaDB()
	case MySQL:
		return installedMySQL()
	case MySQL80:
	}
	return packagedMySQL()
}

func mariaDB() (*programs, error) {
	server, ok := lookPath("mariadbd")
	install, too := lookPath("mariadb-install-db")
	if !ok || !too {
		return nil, &testserver.MissingError{How: "needs MariaDB: install it (Debian: apt-get install mariadb-server-core mariadb-client-core), or set " + MariaDB.Variable() + "=mysql://…"}
	}
	base := filepath.Dir(filepath.Dir(server))
	return &programs{
		server: server, base: base, messages: filepath.Join(base, "share", "mysql"),
		initialize: func(data string) []string {
			return []string{install, "--no-defaults", "--basedir=" + base, "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"}
		},
	}, nil
}

func installedMySQL() (*programs, error) {
	server, ok := lookPath("mysqld")
	if !ok || isMariaDB(server) {
		return nil, &testserver.MissingError{How: "does not apply: there is no newer MySQL here (install one, or set " + MySQL.Variable() + "=mysql://…)"}
	}
	base := filepath.Dir(filepath.Dir(server))
	return mysqlPrograms(server, base, filepath.Join(base, "share", "mysql")), nil
}

func mysqlPrograms(server, base, messages string) *programs {
	return &programs{
		server: server, base: base, messages: messages,
		initialize: func(data string) []string {
			return append([]string{server, "--no-defaults", "--initialize-insecure", "--basedir=" + base, "--datadir=" + data, "--lc-messages-dir=" + messages}, asRoot()...)
		},
	}
}

// isMariaDB reports whether a mysqld is another name for MariaDB's server.
func isMariaDB(path string) bool {
	target, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(target) == "mariadbd"
}

// lookPath finds a program also where distributions put servers.
func lookPath(name string) (string, bool) {
	for _, candidate := range []string{name, filepath.Join("/usr/sbin", name), filepath.Join("/usr/libexec", name)} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, true
		}
	}
	return "", false
}
