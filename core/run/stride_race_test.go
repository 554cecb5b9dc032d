//go:build race

package run_test

// stride thins the fault simulation out: the race detector makes it ten times
// slower, and the complete one runs without it.
const stride = 3
