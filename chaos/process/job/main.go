// Command job is the program that chaos/process kills: Flamingock's command line as a
// user compiles it, with changes in Go on a plain file. Its environment says which.
package main

import (
	"os"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/dynamodb"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/sqlite"
)

// What the environment says: the file, which changes there are for it (none when
// empty), and whether the last step fails.
const (
	fileVariable    = "CHAOS_JOB_FILE"
	changesVariable = "CHAOS_JOB_CHANGES"
	failVariable    = "CHAOS_JOB_FAIL"
)

func main() {
	j := journal{path: os.Getenv(fileVariable), fails: os.Getenv(failVariable) != ""}
	p := core.Program{Targets: []core.TargetType{postgres.Type(), sqlite.Type(), dynamodb.Type()}}
	if kind := os.Getenv(changesVariable); kind != "" {
		p.Stages = []core.Stage{{Name: "main", Changes: changes(kind)}}
		p.Clients = []core.Target{core.NewClientTarget("file", j)}
	}
	cli.Main(p)
}
