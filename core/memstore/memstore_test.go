package memstore

import (
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/core/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{New: func(*testing.T) storetest.Factory {
		s := New()
		return storetest.Factory{
			Open: func() core.AuditStore { return s },
			PlantState: func(_ *testing.T, name, changeID, state string) {
				s.mu.Lock()
				defer s.mu.Unlock()
				l := s.get(name)
				r := l.records[changeID]
				r.State = core.State(state)
				l.records[changeID] = r
			},
		}
	}})
}
