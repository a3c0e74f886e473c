package faulty

// Exercises are the faults that docs/exercises.md sets, in its order; the first is number 1. A server that is started by its number does not
// say what is wrong with it.
func Exercises() []string {
	return []string{
		"login-enum-by-response/body",
		"login-empty-password-accepted/missing",
		"login-csrf-simple-content-type",
		"at-alg-none-accepted/any-case",
		"at-exp-absent-or-optional/on-refresh",
		"rt-accepted-as-access",
		"cookie-path-too-broad/on-refresh",
		"cookie-cleared-on-refusal",
		"st-plaintext-token/base64",
		"rt-old-still-valid",
		"reuse-revocation-rolled-back",
		"reuse-evidence-destroyed/keeps-one-generation",
		"reuse-unauthenticated-trigger",
		"family-kill-is-user-wide",
		"reuse-grace-forks-chain",
		"conc-double-spend",
		"exp-no-absolute-cap/moved-by-rotation",
		"logout-revokes-one-token-not-family",
		"tx-refresh-csrf/checked-late",
		"op-process-local-state/logouts",
	}
}
