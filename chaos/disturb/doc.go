// Package disturb runs the real command line against real servers and disturbs it:
// processes are stopped past their lease and woken, networks are cut, slow or
// half-open, clocks are wrong, disks are full, many start at once. What it makes of
// that is held against the ledger, the target system's content and the exit codes.
//
// A [Bench] has the servers, a [World] is one ledger with its changes, a [Process]
// is one call of the command line, a [Proxy] is the network. The tests of this
// package are the disturbances; chaos/soak uses the same bench for long.
//
// It guarantees nothing about machines that lose what they synced, nor about
// DynamoDB's own faults: the simulator has none.
package disturb
