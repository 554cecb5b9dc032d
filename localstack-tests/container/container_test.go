package container_test

import (
	"testing"

	"github.com/flamingock/flamingock-go/localstack-tests/container"
	"github.com/flamingock/flamingock-go/localstack-tests/routetest"
)

func TestRoute(t *testing.T) {
	routetest.Test(t, container.Route{Say: t.Logf})
}
