package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
)

type newFlags struct{ stage, template, target, order, author string }

func (c *command) newCommand() *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use: "new ID", Short: "Write the skeleton of a change file, with the next order of its stage",
		Example: "  flamingock new create-orders --target orders-db",
		Args:    exactlyOne("the ID of the new change, such as create-orders"),
	}
	cmd.Flags().StringVar(&f.stage, "stage", "", "the `stage` (default: the last one that has a directory)")
	cmd.Flags().StringVar(&f.template, "template", "", "the `template` (default: the target system's first)")
	cmd.Flags().StringVar(&f.target, "target", "", "the target system's `id` (default: the only one)")
	cmd.Flags().StringVar(&f.order, "order", "", "the `order` (default: the next number)")
	cmd.Flags().StringVar(&f.author, "author", "", "the `author`")
	cmd.RunE = c.do("new", func(_ context.Context, args []string) error { return c.newChange(args[0], &f) })
	return cmd
}

func (c *command) newChange(id string, f *newFlags) error {
	if err := c.configure(); err != nil {
		return err
	}
	stage, err := c.stageFor(f.stage)
	if err != nil {
		return err
	}
	target, template, err := c.targetFor(f)
	if err != nil {
		return err
	}
	dir := stage.Location
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(c.app().Config.Dir, dir)
	}
	if err := taken(dir, id, f.order); err != nil {
		return err
	}
	order := f.order
	if order == "" {
		if order, err = nextOrder(dir); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "_"+order+"__"+fileName(id)+".yaml")
	if err := write(path, skeleton(id, f.author, target, template)); err != nil {
		return err
	}
	c.result(struct {
		File  string `json:"file"`
		Order string `json:"order"`
	}{path, order}, func(out *printer) { out.linef("%s", path) })
	return nil
}

func (c *command) stageFor(name string) (config.Stage, error) {
	for _, s := range slices.Backward(c.app().Config.Stages) {
		if s.Location != "" && (name == "" || s.Name == name) {
			return s, nil
		}
	}
	if name == "" {
		return config.Stage{}, &core.ConfigError{Key: "stages", Reason: "no stage has a directory", Next: "add one: stages: [{ name: main, location: changes }]"}
	}
	return config.Stage{}, &core.UsageError{Reason: fmt.Sprintf("there is no stage %q with a directory", name), Next: "see the stages with: " + c.name() + " config show"}
}

func (c *command) targetFor(f *newFlags) (id, template string, err error) {
	all := c.app().Config.TargetSystems
	i := slices.IndexFunc(all, func(t config.TargetSystem) bool { return t.ID == f.target })
	switch {
	case f.target == "" && len(all) == 1:
		i = 0
	case f.target == "":
		return "", "", &core.UsageError{Reason: fmt.Sprintf("there are %d target systems", len(all)), Next: "name one with --target"}
	case i < 0:
		var ids []string
		for _, t := range all {
			ids = append(ids, t.ID)
		}
		return "", "", &core.UsageError{Reason: fmt.Sprintf("there is no target system %q%s", f.target, core.DidYouMean(f.target, ids))}
	}
	if f.template != "" {
		return all[i].ID, f.template, nil
	}
	for _, t := range c.program.Targets {
		if t.Name == all[i].Type && len(t.Templates) > 0 {
			return all[i].ID, t.Templates[0].Name, nil
		}
	}
	return "", "", &core.UsageError{Reason: "target system " + all[i].ID + " has no templates", Next: "write its changes in Go, or name a template with --template"}
}

var orderedFile = regexp.MustCompile(`^_(.+?)__.+\.ya?ml$`)

// nextOrder is one more than the highest number among the files of dir, with as
// many digits.
func nextOrder(dir string) (string, error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", &core.ConfigError{Key: "stages", Reason: "the directory of the stage cannot be read", Err: err}
	}
	highest, width := "", 4
	for _, f := range files {
		m := orderedFile.FindStringSubmatch(f.Name())
		if m == nil {
			continue
		}
		if strings.Trim(m[1], "0123456789") != "" {
			return "", &core.UsageError{Reason: fmt.Sprintf("the orders in %s are not all numbers (%s), so there is no next one", dir, m[1]), Next: "give it with --order"}
		}
		if core.OrderComparer([]core.Change{{Order: m[1]}})(m[1], highest) > 0 {
			highest, width = m[1], len(m[1])
		}
	}
	digits := []byte(strings.Repeat("0", max(width-len(highest), 0)) + highest)
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] < '9' {
			digits[i]++
			return string(digits), nil
		}
		digits[i] = '0'
	}
	return "1" + string(digits), nil
}

// taken refuses an id or an order that a file of dir has already.
func taken(dir, id, order string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil //nolint:nilerr // there is no directory yet, or nextOrder says why not
	}
	line := regexp.MustCompile(`(?m)^id:[ \t]*["']?` + regexp.QuoteMeta(id) + `["']?[ \t\r]*(#.*)?$`)
	for _, f := range files {
		m := orderedFile.FindStringSubmatch(f.Name())
		if m == nil {
			continue
		}
		path := filepath.Join(dir, f.Name())
		if m[1] == order {
			return &core.UsageError{Reason: fmt.Sprintf("the order %s is taken by %s", order, path), Next: "give another one, or leave --order out"}
		}
		if info, err := f.Info(); err != nil || info.Size() > 1<<20 {
			continue
		}
		if b, err := os.ReadFile(path); err == nil && line.Match(b) {
			return &core.UsageError{Reason: fmt.Sprintf("the id %s is taken by %s", id, path), Next: "give another one: an id stays for ever"}
		}
	}
	return nil
}

func fileName(id string) string {
	return strings.Trim(regexp.MustCompile(`[^A-Za-z0-9.]+`).ReplaceAllString(id, "_"), "_.")
}

func skeleton(id, author, target, template string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "id: %s\n", yamlText(id))
	if author != "" {
		fmt.Fprintf(&b, "author: %s\n", yamlText(author))
	}
	fmt.Fprintf(&b, "description: \ntemplate: %s\ntargetSystem: %s\n", yamlText(template), yamlText(target))
	b.WriteString("# What the change does. It runs once; edit it freely until it is applied.\napply: |\n  -- replace this\n# How to take it back when it fails half-way. Leave it out if that is impossible.\nrollback: |\n  -- replace this\n")
	return b.String()
}

// yamlText quotes s unless it is plain beyond doubt.
func yamlText(s string) string {
	if regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`).MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// write makes a new file, and never overwrites one.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return &core.PermissionError{System: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &core.UsageError{Reason: path + " exists already", Next: "give another id or --order"}
	}
	if err != nil {
		return &core.PermissionError{System: path, Err: err}
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path) //nolint:errcheck // a half-written file would be in the way of every run
		return &core.UnavailableError{System: path, Err: err}
	}
	return nil
}
