package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// row is one line of the table: the samples of ours, and of goose's where there
// is something to compare.
type row struct {
	name         string
	ours, theirs series
	limit        limit
}

// limit is what a row is held to. The zero value holds it to nothing.
type limit struct {
	text string
	met  func(r row) bool
}

func ratioBelow(x float64) limit {
	return limit{fmt.Sprintf("ratio < %.4g", x), func(r row) bool { return r.ratio() < x }}
}

func ratioAtMost(x float64) limit {
	return limit{fmt.Sprintf("ratio ≤ %.4g", x), func(r row) bool { return r.ratio() <= x }}
}

func wallBelow(d time.Duration) limit {
	return limit{"< " + d.String(), func(r row) bool { return r.ours.wall() < d }}
}

func (r row) ratio() float64 { return float64(r.ours.wall()) / float64(r.theirs.wall()) }

// printTable prints the rows and returns how many missed their limits.
func printTable(w io.Writer, rows []row) (missed int) {
	fmt.Fprintln(w, "| run | flamingock | beside it (goose, unless said) | ratio | limit | | CPU | peak RSS |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range rows {
		ratio, goose, cpu, rss := "", "", millis(r.ours.cpu()), mebi(r.ours.rss())
		if len(r.theirs) > 0 {
			ratio, goose = fmt.Sprintf("%.2f", r.ratio()), millis(r.theirs.wall())
			cpu += " / " + millis(r.theirs.cpu())
			rss += " / " + mebi(r.theirs.rss())
		}
		verdict := ""
		if r.limit.met != nil {
			verdict = "PASS"
			if !r.limit.met(r) {
				verdict = "MISS"
				missed++
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.name, millis(r.ours.wall()), goose, ratio, r.limit.text, verdict, cpu, rss)
	}
	return missed
}

func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 100 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func mebi(bytes int64) string {
	if bytes == 0 {
		return "?"
	}
	return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
}

// printHeading says what was measured with what.
func printHeading(ctx context.Context, w io.Writer, o *options) error {
	driver := [2]string{}
	for i, dir := range []string{o.root, filepath.Join(o.root, "bench")} {
		var err error
		if driver[i], err = moduleVersion(ctx, dir, "modernc.org/sqlite"); err != nil {
			return err
		}
	}
	goose, err := moduleVersion(ctx, filepath.Join(o.root, "bench"), "github.com/pressly/goose/v3")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d changes (%s), medians of %d runs, whole processes in turn; %s %s/%s, %d CPUs; goose %s, SQLite driver %s",
		o.changes, o.kind, o.runs, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), goose, driver[1])
	if driver[0] != driver[1] {
		fmt.Fprintf(w, "; **not equal: Flamingock has SQLite driver %s**", driver[0])
	}
	fmt.Fprintln(w, ".")
	for _, b := range []struct{ name, file string }{{"flamingock", o.flamingock}, {"goose as a library", o.goose}} {
		info, err := os.Stat(b.file)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "Binary, stripped: %s %.1f MB.\n", b.name, float64(info.Size())/1e6)
	}
	if err := printDisk(w, o.dir); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

func moduleVersion(ctx context.Context, dir, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", module)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("the version of %s: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}
