package main

import (
	"github.com/flamingock/flamingock-go/internal/mongotest" //nolint:depguard // the servers of the tests
	"github.com/flamingock/flamingock-go/internal/mysqltest" //nolint:depguard // the servers of the tests
	"github.com/flamingock/flamingock-go/internal/pgtest"    //nolint:depguard // the servers of the tests
)

// maker makes a system and what its operations need, or ends for want of its server.
type maker struct {
	name string
	make func(server) *system
}

// makers are those of all systems. Servers that they start end with h.
func makers(h *host) []maker {
	pg, maria, ferret := &pgtest.Server{}, mysqltest.New(mysqltest.MariaDB), mongotest.Standalone()
	h.Cleanup(pg.Stop)
	h.Cleanup(maria.Stop)
	h.Cleanup(ferret.Stop)
	return []maker{
		{"postgres", func(tb server) *system { return postgres(tb, pg) }},
		{"mysql", func(tb server) *system { return mariaDB(tb, maria) }},
		{"sqlite", func(tb server) *system { return sqlite(tb, h.dir) }},
		{"mongodb", func(tb server) *system { return mongoDB(tb, ferret) }},
		{"dynamodb", dynamoDB},
		{"sqs", sqsMessage},
		{"sns", snsTopic},
		{"s3", s3Object},
		{"http", func(tb server) *system { return httpAPI(tb, h.dir) }},
	}
}

// must ends the making of a system at an error.
func must(tb server, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
