// Package soak runs many ledgers for long: processes that are killed at random, and
// the command line inside the test, whose memory and goroutines must stay as they
// are. At the end every ledger is brought to its end, and every effect is counted.
//
//	FLAMINGOCK_SOAK_TIME     how long, such as 2m; 5s when absent, 2m with FLAMINGOCK_CHAOS=full
//	FLAMINGOCK_CHAOS         full: 1,000 ledgers, else 40
//	FLAMINGOCK_SOAK_CHANGES  go on until so many changes were made in 1,000 ledgers, however long that takes
//	FLAMINGOCK_CHAOS_SEED    the choices of a run before
package soak
