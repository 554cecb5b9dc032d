package mysql

import (
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
)

func TestUsable(t *testing.T) {
	for version, want := range map[string]string{
		"8.0.12": "", "8.4.3-log": "", "9.7.4": "", "8.0.35-27": "", "10.11.19-MariaDB-0+deb12u1": "", "11.4.5-MariaDB": "", "10.6.1-MariaDB-log": "", "who knows": "",
		"5.7.44-log":                "too old: MySQL 5.7, and 8.0 is needed",
		"5.6.10":                    "too old: MySQL 5.6",
		"10.5.29-MariaDB-1:10.5.29": "too old: MariaDB 10.5, and 10.6 is needed",
		"5.5.68-MariaDB":            "too old: MariaDB 5.5",
		"10.3.39-MariaDB-0+deb10u2": "too old: MariaDB 10.3",
	} {
		err := usable(version, false, "db")
		if want == "" && err != nil || want != "" && (core.CodeOf(err) != core.CodeConfigInvalid || !strings.Contains(err.Error(), want) || core.HintOf(err) == "") {
			t.Errorf("%s: got %v, want %q", version, err, want)
		}
	}
	if err := usable("8.0.12", true, "db"); core.CodeOf(err) != core.CodeConfigInvalid {
		t.Errorf("a server that only reads: got %v, want ConfigInvalid", err)
	}
}

// Whatever the text is: reading it ends, and what is read names something.
func FuzzParseDDL(f *testing.F) {
	for _, s := range []string{
		"CREATE TABLE a (x int, `y``z` decimal(9, 2), KEY (x))", "CREATE UNIQUE INDEX i USING BTREE ON `d`.t (x)", "DROP TABLE IF EXISTS a.b", "RENAME TABLE a TO b.c",
		"ALTER TABLE a ADD x int, ADD UNIQUE KEY u (x), DROP y, DROP INDEX z, ALGORITHM=COPY", "DROP INDEX i ON t", "GRANT SELECT ON a TO b, c", "(((,", "CREATE TABLE a (,", "`",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		listed(text)
		d, ok := parseDDL(text)
		if !ok {
			return
		}
		if d.table.table == "" || len(d.parts) == 0 {
			t.Errorf("%q is about nothing: %+v", text, d)
		}
		for _, p := range d.parts {
			if (p.kind == aColumn || p.kind == anIndex) && p.name == "" || p.kind == aRename && p.to.table == "" {
				t.Errorf("%q has a part without a name: %+v", text, p)
			}
		}
	})
}
