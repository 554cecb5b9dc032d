package manifesttest

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// strict decodes the input of a call of the AWS command line. The SDK's types have the
// same names, begun with a capital, which encoding/json takes for the same.
func strict(t *testing.T, path string, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(read(t, path)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestECSTask(t *testing.T) {
	for path, beside := range map[string]bool{"ecs/task-definition.json": true, "ecs/one-off-task-definition.json": false} {
		var task ecs.RegisterTaskDefinitionInput
		strict(t, path, &task)
		known(t, task.NetworkMode)
		known(t, task.RuntimePlatform.CpuArchitecture)
		ours := task.ContainerDefinitions[0]
		command(t, ours.Command)
		if !aws.ToBool(ours.ReadonlyRootFilesystem) || aws.ToString(ours.User) != "65532:65532" || !slices.Equal(ours.LinuxParameters.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s: the container is not confined", path)
		}
		cfg := configuration(t)
		if stop := time.Duration(aws.ToInt32(ours.StopTimeout)) * time.Second; stop <= cfg.Grace+cfg.Deadline.Reserve || stop > 120*time.Second {
			t.Errorf("%s: stopTimeout %s must be longer than grace and reserve, and Fargate allows 120 s", path, stop)
		}
		if ours.StartTimeout != nil {
			t.Errorf("%s: a startTimeout would stop the task when the changes take longer", path)
		}
		references(t, func(name string) bool {
			return slices.ContainsFunc(ours.Secrets, func(s types.Secret) bool { return aws.ToString(s.Name) == name })
		})
		if aws.ToBool(ours.Essential) == beside {
			t.Errorf("%s: beside an application the container must not be essential, since it ends; alone it must", path)
		}
		if !beside {
			continue
		}
		app := task.ContainerDefinitions[1]
		if len(app.DependsOn) != 1 || aws.ToString(app.DependsOn[0].ContainerName) != aws.ToString(ours.Name) || app.DependsOn[0].Condition != types.ContainerConditionSuccess {
			t.Errorf("the application depends on %+v", app.DependsOn)
		}
	}
}

func TestECSService(t *testing.T) {
	var service ecs.CreateServiceInput
	strict(t, "ecs/service.json", &service)
	d := service.DeploymentConfiguration
	known(t, d.Strategy)
	known(t, service.LaunchType)
	if !d.DeploymentCircuitBreaker.Enable || len(d.LifecycleHooks) != 1 {
		t.Fatalf("the deployment is %+v", d)
	}
	for _, s := range d.LifecycleHooks[0].LifecycleStages {
		known(t, s)
		if s != types.DeploymentLifecycleHookStagePreScaleUp {
			t.Errorf("%s is not before the new tasks start", s)
		}
	}
}

// known checks that a value is one of its type's.
func known[E interface {
	~string
	Values() []E
}](t *testing.T, e E) {
	t.Helper()
	if !slices.Contains(e.Values(), e) {
		t.Errorf("%q is none of %v", e, e.Values())
	}
}
