// Package process kills real processes: the command line of job, a user's program
// built with the tag failpoint, is killed with SIGKILL at every point that a run
// passes, and run again. What the target system held at the kill, the exit codes,
// the ledger and what the target system holds at the end are compared with tables
// that say what must follow, point by point.
//
// A run must pass exactly the points of its table: a new one is a failing test until
// somebody has written down what it leaves behind.
//
// Kills of the process are all that is shown here. The machine does not lose power,
// and the network and the clock are not disturbed: see chaos/disturb.
package process
