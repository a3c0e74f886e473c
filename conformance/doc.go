// Package conformance judges a running implementation of JWT login with rotating refresh tokens: any implementation, in any
// language, from outside, over HTTP.
//
// [Run] plays the stories of the catalogue ([Scenarios]) against a target and returns a [Report]. The command
// conformance/cmd/conformance prints it; conformance/conformancetest makes each story a subtest of a Go user's own tests.
//
// # What makes a verdict trustworthy
//
// A story that expects a refusal must afterwards get a yes from another user's session, its control. Without it a target that refuses
// everything would pass; a refusal without a control makes the story broken, a control that fails makes it inconclusive. A check's
// pass counts only when a control after it succeeded.
//
// A story whose precondition failed is blocked, since another story judges the precondition: one fault does not redden everything.
//
// A race says how many rounds it ran and what it saw. It can show that two requests won; it can never show that none ever will.
//
// # What it needs
//
// Two accounts, and the addresses of login, refresh and logout. Tokens expire in a second instance with short lifetimes
// ([Options].ExpiryTarget) or by a clock hook ([Options].Advance); without either those stories are not judged, and the report
// says so.
//
// What stands in the target's database is judged where there is somebody to read it ([Options].Audit); package
// conformance/storage reads MySQL, PostgreSQL and SQLite.
//
// # Secrets
//
// Every token and password is replaced by a pseudonym wherever it occurs in a report: ‹a.R0› is the first refresh token of the
// story's first family, ‹a.A1› the access token of its first rotation. Nothing leaks, and a reader can still see who presented what.
//
// The package uses the standard library alone.
package conformance
