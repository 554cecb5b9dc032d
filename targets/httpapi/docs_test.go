package httpapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core/config"
)

// What the page shows can be used as it is.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/targets/http.md")
	if err != nil {
		t.Fatal(err)
	}
	target := targetOf(t, entry{settings: settings{BaseURL: "https://nobody.invalid"}})
	seen := map[string]int{}
	for i, part := range strings.Split(string(page), "```") {
		text, isYAML := strings.CutPrefix(part, "yaml\n")
		switch {
		case i%2 == 0 || !isYAML:
		case strings.HasPrefix(text, "targetSystems:"):
			seen["configuration"]++
			configured(t, text)
		case strings.HasPrefix(text, "auth:"):
			for _, one := range strings.Split(strings.TrimPrefix(text, "auth:"), "\nauth:") {
				seen["auth"]++
				configured(t, "", one)
			}
		default:
			seen["change"]++
			var lines []string
			for _, l := range strings.Split(text, "\n") {
				if !strings.HasPrefix(l, "template:") && !strings.HasPrefix(l, "targetSystem:") {
					lines = append(lines, l)
				}
			}
			if _, err := load(target, strings.Join(lines, "\n")); err != nil {
				t.Errorf("%s\n%v", text, err)
			}
		}
	}
	if seen["configuration"] != 1 || seen["auth"] != 4 || seen["change"] != 3 {
		t.Errorf("found %v", seen)
	}
}

// configured makes the target of a configuration, with credentials added.
func configured(t *testing.T, text string, auth ...string) {
	t.Helper()
	if len(auth) > 0 {
		text = "targetSystems:\n  api:\n    type: http\n    baseUrl: https://nobody.invalid\n    auth:" + strings.ReplaceAll(auth[0], "\n", "\n    ")
	}
	path := filepath.Join(t.TempDir(), "flamingock.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{Path: path})
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	if _, err := Type(WithSigV4(&signer{})).New("api", c.TargetSystems[0].Settings); err != nil {
		t.Errorf("%s\n%v", text, err)
	}
}
