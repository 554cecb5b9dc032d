//go:build !race

package run_test

const stride = 1
