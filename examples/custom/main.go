// Command custom is Flamingock's command line with Go changes compiled in, beside
// the YAML changes of its configuration:
//
//	go run ./examples/custom -c examples/custom/flamingock.yaml apply
package main

import (
	"os"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/sqlite"
)

func main() {
	cli.Main(program(&mailer{os.Stderr}))
}

// program is what this binary brings along: the changes in Go, the kinds of target
// systems, and the clients of those that have no kind.
func program(m *mailer) core.Program {
	return core.Program{
		Name:    "shop",
		Stages:  []core.Stage{{Name: "main", Changes: []core.Change{backfillTotals(), announce()}}},
		Targets: []core.TargetType{sqlite.Type()},
		Clients: []core.Target{core.NewClientTarget("mail", m)},
	}
}
