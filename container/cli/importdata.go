package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/run"
	"github.com/flamingock/flamingock-go/internal/app"
)

// importData is the result of import. The counts tell what is recorded, also when
// the import then failed; with DryRun what would be.
type importData struct {
	From     string             `json:"from"`
	Table    string             `json:"table"`
	Timezone string             `json:"timezone"`
	DryRun   bool               `json:"dryRun"`
	Rows     int                `json:"rows"` // in the table
	Entries  int                `json:"entries"`
	ByState  map[core.State]int `json:"entriesByState"`
	// Changes are those that the entries belong to, by the state that they have now.
	Changes    map[core.State]int `json:"changesByState"`
	Unfinished []string           `json:"unfinished"`
	NotInCode  []string           `json:"notInCode"`
	Skipped    importSkipped      `json:"skipped"`
	Warnings   []string           `json:"warnings"`
	Faults     []core.Fault       `json:"faults"`
}

type importSkipped struct {
	Before    int          `json:"importedBefore"` // rows
	System    int          `json:"internal"`       // rows
	Conflicts []importSkip `json:"conflicts"`
	Late      []importSkip `json:"late"`
}

type importSkip struct {
	ChangeID  string     `json:"changeId"`
	Rows      int        `json:"rows"`
	State     core.State `json:"state"`       // in the ledger
	JavaState core.State `json:"originState"` // of the last of these rows
	Seq       uint64     `json:"seq"`
	Next      string     `json:"next"`
}

func newImportData(f *importFlags, h *app.JavaHistory, rep *run.ImportReport) *importData {
	d := &importData{
		From: f.from, Table: f.table.Table, Timezone: f.timezone, DryRun: f.dryRun, ByState: map[core.State]int{}, Changes: map[core.State]int{},
		Unfinished: []string{}, NotInCode: []string{}, Warnings: []string{}, Faults: []core.Fault{},
		Skipped: importSkipped{Conflicts: []importSkip{}, Late: []importSkip{}},
	}
	if h == nil {
		return d
	}
	d.Rows, d.Entries, d.Skipped.System, d.Skipped.Before = len(h.Rows)+h.System, rep.Entries, h.System, rep.Before
	if rep.ByState != nil {
		d.ByState, d.Changes = rep.ByState, rep.Changes
	}
	d.Unfinished = append(d.Unfinished, rep.Unfinished...)
	d.NotInCode = append(d.NotInCode, rep.NotInCode...)
	for _, s := range rep.Conflicts {
		d.Skipped.Conflicts = append(d.Skipped.Conflicts, newImportSkip(s, conflictNext(s)))
	}
	for _, s := range rep.Late {
		d.Skipped.Late = append(d.Skipped.Late, newImportSkip(s, "they are older than what was imported before and change nothing; if they matter, look at them in the table"))
	}
	d.warnings(h, rep)
	return d
}

func newImportSkip(s run.ImportSkip, next string) importSkip {
	return importSkip{ChangeID: s.ChangeID, Rows: s.Rows, State: s.Here, JavaState: s.There, Seq: s.Seq, Next: next}
}

// conflictNext says what to do about a change that both editions have worked on.
func conflictNext(s run.ImportSkip) string {
	switch {
	case s.Here.IsApplied() == s.There.IsApplied() && !s.Here.IsUnfinished():
		return "both agree whether it is applied: nothing has to be done"
	case s.Here.IsUnfinished():
		return "look at the target system, then resolve it with: flamingock issue resolve " + core.ShellQuote(s.ChangeID)
	case s.Here.IsApplied():
		return "it counts as applied here: if the target system does not have it, put what is missing into a new change"
	}
	return "apply would run it again: if the target system has it, import into a new ledger (--ledger) and go on with that one"
}

// warnings tells what a person should look at.
func (d *importData) warnings(h *app.JavaHistory, rep *run.ImportReport) {
	add := func(format string, args ...any) { d.Warnings = append(d.Warnings, fmt.Sprintf(format, args...)) }
	if d.Rows == 0 {
		add("table %s has no rows: is it the right table, region and endpoint?", d.Table)
	}
	if rep.Future > 0 {
		add("%s later than now: is --timezone %s the zone of the machines that the Java edition ran on?", isAre(rep.Future, "entry is", "entries are"), d.Timezone)
	}
	if n := len(h.Doubtful); n > 0 {
		add("%s at a local time that %s has twice, or not at all, because its clocks were changed: their order may be wrong (%s)", isAre(n, "row is", "rows are"), d.Timezone, someOf(h.Doubtful))
	}
	if n := len(rep.OtherTarget); n > 0 {
		add("%s unfinished and recorded on another target system than in the code: no run will touch that, a person must resolve it (%s)", isAre(n, "change is", "changes are"), someOf(rep.OtherTarget))
	}
	if n := len(rep.NotInCode); n > 0 {
		add("%s not in the code, and shown as lost by drift list (%s)", isAre(n, "change is", "changes are"), someOf(rep.NotInCode))
	}
}

func isAre(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// someOf names a few, and how many more there are.
func someOf(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

// withFaults adds the rows that cannot be imported, if that is what err is about.
func (d *importData) withFaults(err error) *importData {
	var f interface{ RowFaults() []core.Fault }
	if errors.As(err, &f) {
		d.Faults = append(d.Faults, f.RowFaults()...)
	}
	return d
}

func (c *command) printImport(out *printer, d *importData, err error) {
	did := "recorded"
	if d.DryRun {
		did = "would be recorded"
	}
	switch {
	case d.Entries > 0:
		changes := 0
		for _, n := range d.Changes {
			changes += n
		}
		out.linef("%s of %s %s (ledger %s):", isAre(d.Entries, "entry", "entries"), plural(changes, "change"), did, c.app().Config.Ledger)
		rows := [][]string{{"  STATE", "CHANGES", "ENTRIES"}}
		for _, s := range core.States() {
			if d.ByState[s] > 0 {
				rows = append(rows, []string{"  " + string(s), fmt.Sprint(d.Changes[s]), fmt.Sprint(d.ByState[s])})
			}
		}
		out.table(rows)
	case err == nil:
		out.linef("Nothing to import: table %s has no rows that ledger %s does not have.", d.Table, c.app().Config.Ledger)
	}
	if n := d.Skipped.Before; n > 0 {
		out.linef("%s imported before.", plural(n, "row"))
	}
	if n := d.Skipped.System; n > 0 {
		out.linef("%s of the Java edition's internal changes left out.", plural(n, "row"))
	}
	printSkips(out, c.ownCommands, "not imported, the ledger has entries of its own", d.Skipped.Conflicts)
	printSkips(out, c.ownCommands, "not imported, out of order", d.Skipped.Late)
	if n := len(d.Unfinished); n > 0 && err == nil {
		out.linef("%s unfinished (%s): see what apply does about it with: %s plan", isAre(n, "change is", "changes are"), someOf(d.Unfinished), c.base())
	}
}

func printSkips(out *printer, own func(string) string, why string, skips []importSkip) {
	for _, s := range skips {
		out.linef("%s: %s: %s; %s here, %s there: %s", out.paint(yellow, "skipped"), oneLine(s.ChangeID), why, s.State, s.JavaState, own(s.Next))
	}
}
