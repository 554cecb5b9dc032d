package manifesttest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/flamingock/flamingock-go/container/cli"
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/config"
)

// manifests returns the objects of a file, strictly decoded.
func manifests(t *testing.T, text []byte) []any {
	t.Helper()
	var all []any
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatal(err)
		}
		var into any
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ServiceAccount":
			into = new(corev1.ServiceAccount)
		case "batch/v1 Job":
			into = new(batchv1.Job)
		case "apps/v1 Deployment":
			into = new(appsv1.Deployment)
		default:
			t.Fatalf("there is no %s %s", kind.APIVersion, kind.Kind)
		}
		if err := yaml.UnmarshalStrict(doc, into); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
		all = append(all, into)
	}
	return all
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// helm renders the chart's template as Helm would: values, the release's name and
// quote are all that it uses.
func helm(t *testing.T) []byte {
	t.Helper()
	var values map[string]any
	if err := yaml.UnmarshalStrict(read(t, "helm/values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	quote := func(s string) string { return `"` + s + `"` }
	tmpl, err := template.New("changes").Option("missingkey=error").Funcs(template.FuncMap{"quote": quote}).Parse(string(read(t, "helm/templates/changes.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, map[string]any{"Values": values, "Release": map[string]string{"Name": "orders"}}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestKubernetes(t *testing.T) {
	for name, text := range map[string][]byte{
		"job": read(t, "kubernetes/job.yaml"), "deployment": read(t, "kubernetes/deployment.yaml"),
		"Argo CD": read(t, "argocd/presync.yaml"), "Helm": helm(t),
	} {
		t.Run(name, func(t *testing.T) {
			accounts := map[string]bool{}
			for _, m := range manifests(t, text) {
				switch m := m.(type) {
				case *corev1.ServiceAccount:
					accounts[m.Name] = m.Annotations["eks.amazonaws.com/role-arn"] != ""
				case *batchv1.Job:
					job(t, m)
					if name != "Argo CD" && !accounts[m.Spec.Template.Spec.ServiceAccountName] {
						t.Error("its service account has no role")
					}
				case *appsv1.Deployment:
					pod(t, m.Spec.Template, m.Spec.Template.Spec.InitContainers)
					if m.Spec.Selector.MatchLabels["app.kubernetes.io/name"] != m.Spec.Template.Labels["app.kubernetes.io/name"] {
						t.Error("the selector does not find its pods")
					}
					if !accounts[m.Spec.Template.Spec.ServiceAccountName] {
						t.Error("its service account has no role")
					}
				}
			}
		})
	}
}

// job checks what strict decoding does not: the rules of the API server, and that the
// failure policy is about our exit codes.
func job(t *testing.T, m *batchv1.Job) {
	t.Helper()
	spec := m.Spec
	pod(t, spec.Template, spec.Template.Spec.Containers)
	if spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever || spec.PodReplacementPolicy == nil || *spec.PodReplacementPolicy != batchv1.Failed {
		t.Error("a failure policy wants restartPolicy Never and podReplacementPolicy Failed")
	}
	if spec.PodFailurePolicy == nil || len(spec.PodFailurePolicy.Rules) != 2 {
		t.Fatalf("the failure policy is %+v", spec.PodFailurePolicy)
	}
	fail, ignore := spec.PodFailurePolicy.Rules[0], spec.PodFailurePolicy.Rules[1]
	if fail.Action != batchv1.PodFailurePolicyActionFailJob || fail.OnExitCodes == nil || fail.OnExitCodes.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn {
		t.Fatalf("the first rule is %+v", fail)
	}
	if name := fail.OnExitCodes.ContainerName; name == nil || *name != spec.Template.Spec.Containers[0].Name {
		t.Error("the first rule is about another container")
	}
	if got, want := fail.OnExitCodes.Values, final(); !slices.Equal(got, want) {
		t.Errorf("the exit codes that end the job are %v, want those that are final for apply: %v", got, want)
	}
	if ignore.Action != batchv1.PodFailurePolicyActionIgnore || len(ignore.OnPodConditions) != 1 || ignore.OnPodConditions[0].Type != corev1.DisruptionTarget ||
		ignore.OnPodConditions[0].Status != corev1.ConditionTrue {
		t.Errorf("the second rule is %+v", ignore)
	}
	if d := spec.ActiveDeadlineSeconds; d == nil || time.Duration(*d)*time.Second < 15*time.Minute {
		t.Error("the job's deadline is shorter than waiting for the lock, or there is none")
	}
}

// final are the exit codes of apply that trying again does not change, in order.
func final() []int32 {
	var out []int32
	for _, c := range []core.Code{
		core.CodeUsage, core.CodeChangeSetInvalid, core.CodeDrift, core.CodeUnavailable, core.CodeChangeFailed, core.CodeInternal, core.CodeLockHeld,
		core.CodeLeaseLost, core.CodeDeadlineNear, core.CodeInterrupted, core.CodePermissionDenied, core.CodeConfigInvalid, core.CodeManualIntervention,
	} {
		if !c.Retryable() {
			out = append(out, int32(c.Exit()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var pinned = regexp.MustCompile(`:\d+\.\d+\.\d+$`)

// pod checks that a pod is confined, and that ours says what the command line knows.
func pod(t *testing.T, p corev1.PodTemplateSpec, ours []corev1.Container) {
	t.Helper()
	if s := p.Spec.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil {
		t.Error("the pod may run as root, or without seccomp")
	}
	if a := p.Spec.AutomountServiceAccountToken; a == nil || *a {
		t.Error("the pod gets a token of the cluster's")
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
			s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("container %s is not confined: %+v", c.Name, s)
		}
		if !pinned.MatchString(c.Image) {
			t.Errorf("container %s has image %s, which may be another one tomorrow", c.Name, c.Image)
		}
		for _, mount := range c.VolumeMounts {
			if !slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name }) {
				t.Errorf("container %s mounts %s, which is no volume", c.Name, mount.Name)
			}
		}
	}
	c := ours[0]
	command(t, c.Args)
	cfg := configuration(t)
	if g := p.Spec.TerminationGracePeriodSeconds; c.Args[0] == "apply" && (g == nil || time.Duration(*g)*time.Second <= cfg.Grace+cfg.Deadline.Reserve) {
		t.Error("the pod is killed before a change's grace period has ended and its outcome is recorded")
	}
	references(t, func(name string) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	})
}

// command checks that the command line knows a command and its flags.
func command(t *testing.T, args []string) {
	t.Helper()
	var out, errs strings.Builder
	p := cli.Process{Args: append(slices.Clone(args), "--help"), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	if exit := cli.Run(t.Context(), core.Program{}, p); exit != 0 || !strings.Contains(out.String(), "flamingock "+args[0]) {
		t.Errorf("%v: exit %d: %s%s", args, exit, &out, &errs)
	}
}

// configuration is what the examples' image has in it.
func configuration(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Load(config.Options{Path: "../flamingock.yaml", LookupEnv: func(name string) (string, bool) { return "postgres://x", name == "ORDERS_DSN" }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var reference = regexp.MustCompile(`\$\{env:(\w+)\}`)

// references checks that a container gets every variable that the configuration names.
func references(t *testing.T, given func(name string) bool) {
	t.Helper()
	for _, m := range reference.FindAllSubmatch(read(t, "flamingock.yaml"), -1) {
		if !given(string(m[1])) {
			t.Errorf("the container gets no %s", m[1])
		}
	}
}
