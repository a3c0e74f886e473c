//go:build race

package conformance_test

// racing: the race detector is on, under which a thousand runs take half an hour; make test makes them once without it.
const racing = true
