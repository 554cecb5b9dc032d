package s3

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/flamingock/flamingock-go/core/config"
)

// What the page shows can be used as it is.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/targets/s3.md")
	if err != nil {
		t.Fatal(err)
	}
	target, changes := New("assets", &sdk.Client{}), 0
	for _, part := range strings.Split(string(page), "```") {
		text, isYAML := strings.CutPrefix(part, "yaml\n")
		switch {
		case !isYAML:
		case strings.HasPrefix(text, "targetSystems:"):
			path := filepath.Join(t.TempDir(), "flamingock.yaml")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "# account", "account")), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(config.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Type().New("assets", c.TargetSystems[0].Settings); err != nil {
				t.Error(err)
			}
		default:
			changes++
			if _, err := load(target, text); err != nil {
				t.Errorf("%s\n%v", text, err)
			}
		}
	}
	if changes != 6 {
		t.Errorf("%d changes on the page", changes)
	}
}
