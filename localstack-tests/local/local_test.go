package local_test

import (
	"testing"

	"github.com/flamingock/flamingock-go/localstack-tests/local"
	"github.com/flamingock/flamingock-go/localstack-tests/routetest"
)

func cache(t *testing.T) local.Cache {
	t.Helper()
	c, err := local.FindCache(".")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHost(t *testing.T) { routetest.Test(t, local.Host{Cache: cache(t)}) }

func TestDynamoDB(t *testing.T) { routetest.Test(t, local.DynamoDB{Cache: cache(t)}) }
