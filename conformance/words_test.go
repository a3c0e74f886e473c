package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shellEcho has bash print a word, with the functions that it calls.
func shellEcho(t *testing.T, word string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-s")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(shellFunctions(word) + "\nprintf '%s|' " + word + "\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", word, out)
	text, whole := strings.CutSuffix(string(out), "|")
	require.True(t, whole, "%s is more than one word: %s", word, out)
	return text
}

func testWords(secrets *secrets) *words {
	r := &run{secrets: secrets, clock: &clock{}, opts: Options{JWTSecret: "the-signing-secret-of-the-target", Users: []User{{"a@example.com", `pa"ss\wörd$(x)'`}, {"b@example.com", "other-password"}}}}
	return newWords(r, func(s string) string { return aliases{}.apply(s) })
}

// Whatever a request holds, the shell gets the same bytes; a secret comes out of a variable.
func TestShellWordsAreExact(t *testing.T) {
	w := testWords(newSecrets())
	for _, text := range []string{
		"plain", "", "two words", `quotes ' " and \ back`, "$HOME `id` $(id) ${x}", "!bang *glob? [a]", "리프레시 🍪", "caf\xe9 \xff", "tab\tand\x01", strings.Repeat("A", 300) + "b" + strings.Repeat("[", 100), "#x", "~", "-n",
	} {
		require.Equal(t, text, shellEcho(t, w.shell(text, inHeader)), "%q", text)
	}
	password := w.run.opts.Users[0].Password
	env := "PASSWORD_1=" + password
	body := jsonText(map[string]any{"email": "a@example.com", "password": password})
	word := w.shell(body, inJSON)
	require.NotContains(t, word, "wörd")
	require.Equal(t, body, shellEcho(t, word, env))
	require.Equal(t, "p="+strings.ReplaceAll(`pa%22ss%5Cw%C3%B6rd%24%28x%29%27`, "+", "%20"), shellEcho(t, w.shell("p=pa%22ss%5Cw%C3%B6rd%24%28x%29%27", inForm), env))
	require.Equal(t, "Basic x "+password+"y", shellEcho(t, w.shell("Basic x "+password+"y", inHeader), env))
}

// What the stories make of a token the script makes of the one that it gets, byte for byte.
func TestAlterationsAreExact(t *testing.T) {
	claims := map[string]any{"jti": "an-id-of-its-own", "sub": "1", "exp": 1800000000, "iss": "x"}
	jwtValue := encodeSegment(map[string]any{"alg": "HS256", "typ": "at+jwt"}) + "." + encodeSegment(claims) + ".c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmU"
	for _, value := range []string{jwtValue, "Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2VkLWZvcmdlZA0z9", "ABC0defghijklmnopqrstuvwxyz0123456789-_x", "0123abcd-0123-4567-89ab-0123456789ab+/=="} {
		s := newSecrets()
		s.login(value, "")
		altered := map[string]string{
			"case": strings.Map(flipCase, value), "first": flipFirst(value), "last": flipLast(value), "same bytes": sameBytes(value), "cut": value[:len(value)-3],
			"half": value[:len(value)/2], "padded": value + "=", "prefixed": "A" + value, "quoted": `"` + value + `"`, "random": value[:len(value)-8] + "07zzzzzz",
		}
		if j, is := parseJWT(value); is {
			altered["unsigned"] = j.parts[0] + "." + j.parts[1] + "."
			altered["two parts"] = j.parts[0] + "." + j.parts[1]
			altered["tampered"] = j.parts[0] + "." + j.parts[1] + "." + flipFirst(j.parts[2])
			altered["alg none"] = j.with(map[string]any{"alg": "none"}, nil) + "."
			altered["alg none, signed"] = j.with(map[string]any{"alg": "none"}, nil) + "." + j.parts[2]
			altered["other subject"] = j.with(nil, map[string]any{"sub": "2"}) + "." + j.parts[2]
			altered["own key"] = resign(j, map[string]any{"kid": "x"}, []byte(attackersKey))
			altered["empty key"] = resign(j, nil, nil)
			signed := j.with(nil, map[string]any{"exp": nil})
			mac, _ := hmacSign("HS256", signed, []byte("the-signing-secret-of-the-target"))
			altered["signed with the secret"] = signed + "." + mac
		}
		if j, is := parseJWT(value); is {
			for _, f := range forgeries() {
				for n, v := range f.forge(j, j) {
					if len(v) > 20 && f.slug+fmt.Sprint(n) != "own-key1" { // of which there is no script: it wants Ed25519
						altered[f.slug+fmt.Sprint(n)] = v
					}
				}
			}
		}
		for name, v := range altered {
			s.hide(v, "‹"+name+"›")
		}
		w := testWords(s)
		for name, v := range altered {
			e := &exchange{path: "/", body: v, at: time.Now()}
			w.tokens(e)
			word := w.shell(v, inHeader)
			require.NotContains(t, word, value, name)
			require.NotContains(t, word, "VALUE_", "%s of %s: unknown how it is made", name, value)
			require.Equal(t, v, shellEcho(t, word, "A_R0="+value, "JWT_SECRET=the-signing-secret-of-the-target"), "%s: %s", name, word)
		}
	}
}

// Every predicate by which the scripts judge is a function that there is, and every function calls only such.
func TestPredicatesExist(t *testing.T) {
	for wanted, words := range plainWants() {
		require.Contains(t, shellFunctions(words[0]+"\n"), "\n"+words[0]+"() {", wanted)
	}
	for _, f := range []string{"play.sh", "judge.sh", "cookie.sh", "token.sh"} {
		raw, err := shellFiles.ReadFile("repro/" + f)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "bash", "-n")
		cmd.Stdin = strings.NewReader(string(raw))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", f, out)
	}
	require.NotContains(t, shellFunctions("step 1 'it'\\''s refused, accepted and jar'"), "\naccepted() {", "words of a text are no calls")
	require.Equal(t, fmt.Sprint(1), shellEcho(t, `"$(printf 'x\n' | wc -l | tr -d ' ')"`))
}
