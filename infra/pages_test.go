package infra_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
)

// waysIn are the pages about ways in, all of one form.
var waysIn = []string{"ci", "cloudformation", "codedeploy", "codepipeline", "ecs", "eventbridge", "kubernetes", "lambda-deploy", "sqs", "stepfunctions"}

var block = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// blocks are the code blocks of a page in these languages.
func blocks(page string, languages ...string) []string {
	var out []string
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		if slices.Contains(languages, m[1]) {
			out = append(out, m[2])
		}
	}
	return out
}

// flat leaves out how far lines are indented.
func flat(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		out = append(out, strings.TrimSpace(line))
	}
	return "\n" + strings.Join(out, "\n") + "\n"
}

func TestPages(t *testing.T) {
	var examples []string
	err := filepath.WalkDir(recipes, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains([]string{".yaml", ".json"}, filepath.Ext(path)) {
			examples = append(examples, flat(text(t, path)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range waysIn {
		t.Run(name, func(t *testing.T) {
			page := text(t, filepath.Join("../docs", name+".md"))
			form(t, page)
			for _, b := range blocks(page, "yaml", "json") {
				if !slices.ContainsFunc(examples, func(e string) bool { return strings.Contains(e, flat(b)) }) {
					t.Errorf("this is in none of the examples:\n%s", b)
				}
			}
			for _, b := range blocks(page, "sh") {
				shell(t, strings.ReplaceAll(b, "\\\n", " "))
			}
			links(t, page)
			for _, entry := range files(t, filepath.Join(recipes, name)) {
				if !strings.Contains(page, entry) {
					t.Errorf("the page does not name %s", entry)
				}
			}
		})
	}
}

// form: each page has these four parts, in this order, and begins with ten lines.
func form(t *testing.T, page string) {
	t.Helper()
	at := 0
	for _, part := range []string{"In ten lines", "Rights", "When it fails", "How to resolve it"} {
		i := strings.Index(page[at:], "\n## "+part+"\n")
		if i < 0 {
			t.Fatalf("there is no %q, or it is too early", part)
		}
		at += i + 1
		if part == "In ten lines" {
			if lines := strings.Count(blocks(page[at:], "sh")[0], "\n"); lines > 10 {
				t.Errorf("these are %d lines", lines)
			}
		}
	}
}

var (
	deploys = regexp.MustCompile(`--template-file (\S+) .*?--parameter-overrides (.*)`)
	given   = regexp.MustCompile(`(?:^| )([A-Z]\w+)=`)
	paths   = regexp.MustCompile(`\b(?:examples/deploy|infra|events/samples)/[\w./-]*\w`)
)

// groups are commands that others are below.
var groups = []string{"audit", "config", "drift", "issue", "lock", "store"}

// shell checks commands: the files are there, stacks get the parameters that they have
// and need, and flamingock knows its commands and flags.
func shell(t *testing.T, commands string) {
	t.Helper()
	for command := range strings.Lines(commands) {
		command, _, _ = strings.Cut(strings.TrimSpace(command), "   #")
		for _, path := range paths.FindAllString(command, -1) {
			if !exists(filepath.Join("..", path)) && !strings.HasPrefix(path, "infra/bundle") {
				t.Errorf("there is no %s", path)
			}
		}
		if m := deploys.FindStringSubmatch(command); m != nil {
			template, err := parse(text(t, filepath.Join("..", m[1])))
			if err != nil {
				t.Fatal(err)
			}
			parameters, _ := at(template, "Parameters").(object)
			var names []string
			for _, g := range given.FindAllStringSubmatch(m[2], -1) {
				names = append(names, g[1])
				if parameters[g[1]] == nil {
					t.Errorf("%s has no parameter %s", m[1], g[1])
				}
			}
			for name, p := range parameters {
				if at(p, "Default") == nil && !slices.Contains(names, name) {
					t.Errorf("%s is not given %s", m[1], name)
				}
			}
		}
		if args, ours := strings.CutPrefix(command, "flamingock "); ours {
			args, _, _ = strings.Cut(args, " | ")
			name := words(args)[0]
			if slices.Contains(groups, name) {
				name += " " + words(args)[1]
			}
			var out strings.Builder
			p := cli.Process{Args: append(words(args), "--help"), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
			if exit := cli.Run(t.Context(), core.Program{}, p); exit != 0 || !strings.Contains(out.String(), "flamingock "+name) {
				t.Errorf("%s: exit %d: %s", command, exit, &out)
			}
		}
	}
}

var word = regexp.MustCompile(`"[^"]*"|\S+`)

func words(s string) []string { return word.FindAllString(s, -1) }

var (
	link    = regexp.MustCompile(`\]\(([\w./-]+\.md)?(?:#([\w-]+))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notName = regexp.MustCompile(`[^a-z0-9 -]`)
)

// links lead to pages that are there, and to headings in them.
func links(t *testing.T, page string) {
	t.Helper()
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		to := page
		if m[1] != "" {
			path := filepath.Join("../docs", m[1])
			if !exists(path) {
				t.Errorf("there is no %s", m[1])
				continue
			}
			to = text(t, path)
		}
		found := m[2] == ""
		for _, h := range heading.FindAllStringSubmatch(to, -1) {
			found = found || strings.ReplaceAll(notName.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-") == m[2]
		}
		if !found {
			t.Errorf("%s has no heading #%s", m[1], m[2])
		}
	}
}

// files are the names of the files in a directory that may not be there.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	found, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		out = append(out, filepath.Base(path))
	}
	return out
}
