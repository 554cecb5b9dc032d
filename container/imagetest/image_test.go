package imagetest

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mostBytes is what the image may weigh: every init container of every node pulls it.
const mostBytes = 60 << 20

func TestWhatIsInTheImage(t *testing.T) {
	needImage(t)
	id := docker(t, "create", image)
	t.Cleanup(func() { docker(t, "rm", id) })
	archive, err := exec.CommandContext(t.Context(), "docker", "export", id).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg && len(text) > 0 { // Docker adds empty ones, to mount on
			files[h.Name] = text
		}
		switch mode := h.FileInfo().Mode(); {
		case mode.Perm()&0o022 != 0 && h.Name != "tmp/" && h.Typeflag != tar.TypeSymlink:
			t.Errorf("others may write %s: %s", h.Name, mode)
		case h.Uid != 0 || h.Gid != 0:
			t.Errorf("%s is %d:%d's", h.Name, h.Uid, h.Gid)
		}
	}
	const binary, certificates = "usr/local/bin/flamingock", "etc/ssl/certs/ca-certificates.crt"
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"etc/group", "etc/passwd", certificates, binary}; !slices.Equal(names, want) {
		t.Errorf("the image has %v, want %v", names, want)
	}
	if roots := x509.NewCertPool(); !roots.AppendCertsFromPEM(files[certificates]) {
		t.Error("its certificates cannot be read")
	}
	e, err := elf.NewFile(bytes.NewReader(files[binary]))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary is not static")
		}
	}
}

func TestHowTheImageRuns(t *testing.T) {
	needImage(t)
	var all []struct {
		Size         int64
		Os           string
		Architecture string
		Config       struct {
			User, WorkingDir, StopSignal string
			Entrypoint, Cmd              []string
			Volumes, ExposedPorts        map[string]any
			Healthcheck                  any
			Labels                       map[string]string
		}
	}
	if err := json.Unmarshal([]byte(docker(t, "image", "inspect", image)), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %+v", err, all)
	}
	got := all[0]
	c := got.Config
	if c.User != "65532:65532" || c.WorkingDir != "/flamingock" || !slices.Equal(c.Entrypoint, []string{"/usr/local/bin/flamingock"}) || !slices.Equal(c.Cmd, []string{"apply"}) ||
		c.StopSignal != "SIGTERM" || c.Healthcheck != nil || c.Volumes != nil || c.ExposedPorts != nil {
		t.Errorf("it is configured as %+v", c)
	}
	for _, l := range []string{"title", "description", "source", "licenses", "version", "revision"} {
		if v, ok := c.Labels["org.opencontainers.image."+l]; !ok || v == "" && l != "revision" {
			t.Errorf("it has no label %s", l)
		}
	}
	if got.Size > mostBytes {
		t.Errorf("it has %d bytes, %d are the most", got.Size, mostBytes)
	}
	t.Logf("%s/%s, %.1f MB", got.Os, got.Architecture, float64(got.Size)/1e6)
	if exit, _, _ := try(t, "run", "--rm", "--entrypoint", "/bin/sh", image, "-c", "true"); exit != 127 {
		t.Errorf("a shell: exit %d, want 127, as there is none", exit)
	}
	if out := docker(t, "run", "--rm", "--network", "none", image, "version"); !strings.Contains(out, c.Labels["org.opencontainers.image.version"]) {
		t.Errorf("the label says version %q, the binary %q", c.Labels["org.opencontainers.image.version"], out)
	}
}

// Zones come with the binary: the image has no files of them.
func TestZones(t *testing.T) {
	b := newBox(t, five())
	if r := b.run(64, "import", "--from", "flamingock-java", "--timezone", "Nowhere/Land", "--dry-run"); !strings.Contains(r.stderr, "not known") {
		t.Errorf("an unknown zone: %s", r.stderr)
	}
	r := b.start("import", "--from", "flamingock-java", "--timezone", "Europe/Madrid", "--dry-run").end()
	if strings.Contains(r.stderr, "not known") {
		t.Errorf("Madrid: %s", r.stderr)
	}
}

// With any user at all, as OpenShift chooses them; and with none of the confinement,
// where /tmp is the image's.
func TestOtherUsers(t *testing.T) {
	t.Run("any", func(t *testing.T) {
		b := newBox(t, five())
		if b.user != "" {
			t.Skip("does not apply: what another user leaves could not be removed")
		}
		b.user = "1000660000:0"
		b.run(0)
		b.run(0)
	})
	t.Run("root file system that can be written", func(t *testing.T) {
		needImage(t)
		b := newBox(t, map[string]string{"changes/_0001__pack.yaml": change("pack", "VACUUM;", "", "transactional: false\n")})
		exit, stdout, stderr := try(t, "run", "--rm", "--network", "none", "--volume", b.dir+":/flamingock:ro",
			"--env", "FLAMINGOCK_AUDITSTORE_FILE=/tmp/audit.db", "--env", "FLAMINGOCK_TARGETSYSTEMS_APP-DB_PATH=/tmp/app.db", image, "plan")
		if exit != 0 {
			t.Errorf("exit %d: %s%s", exit, stdout, stderr)
		}
	})
}
