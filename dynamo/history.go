package dynamo

import (
	"context"
	"math"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/flamingock/flamingock-go/core"
)

// History implements core.AuditStore. Looking for one change reads all entries
// behind q.AfterSeq: there is no index, which would cost every write.
func (s *Store) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	var page core.HistoryPage
	if err := core.CheckLedger(q.Ledger); err != nil || q.AfterSeq == math.MaxUint64 {
		return page, err
	}
	size := q.PageSize()
	ask := query{key: expression.Key(attrPK).Equal(value(q.Ledger)).And(expression.Key(attrSK).Between(value(entryKeyOf(q.AfterSeq+1)), value(entryKeyOf(math.MaxUint64))))}
	if q.ChangeID != "" {
		only := name(attrChangeID).Equal(value(q.ChangeID))
		ask.filter = &only
	} else {
		ask.limit = int32(size) + 1 //nolint:gosec // at most core.MaxHistoryPage: one more tells whether there are more
	}
	err := s.query(ctx, ask, func(item map[string]types.AttributeValue) (bool, error) {
		if len(page.Entries) == size {
			page.Next = page.Entries[size-1].Seq
			return false, nil
		}
		e, err := decodeEntry(q.Ledger, item)
		page.Entries = append(page.Entries, e)
		return true, err
	})
	if err != nil {
		return core.HistoryPage{}, err
	}
	return page, nil
}
