package memstore_test

import (
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/memstore"
	"github.com/flamingock/flamingock-go/core/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{New: func(*testing.T) storetest.Factory {
		s := memstore.New()
		return storetest.Factory{Open: func() core.AuditStore { return s }}
	}})
}
