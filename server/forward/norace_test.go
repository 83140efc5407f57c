//go:build !race

package forward_test

const underRace = false
