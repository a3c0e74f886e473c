package faulty

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const tokensKept = "token_families.token_hash: its SHA-256; users.password_hash: 10000 rounds"

// kept says what the server would have in a database of a session that was refreshed twice, and of its user's password.
func kept(w *world) string {
	before := w.refresh(w.login().refresh)
	live := w.refresh(before.refresh)
	tables, err := w.s.Tables()
	if err != nil {
		return err.Error()
	}
	var found []string
	for _, t := range tables {
		for _, row := range t.Rows {
			for i, v := range row {
				if what := whatIsIt(v, before, live, string(w.s.users[0].salt)); what != "" {
					found = append(found, t.Name+"."+t.Columns[i]+": "+what)
				}
			}
		}
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), "; ")
}

// whatIsIt recognises a value that has to do with alice's session or password; "" if it has not.
func whatIsIt(v any, before, live reply, salt string) string {
	text := fmt.Sprint(v)
	if b, is := v.([]byte); is {
		text = string(b)
	}
	sum, md5sum, salted := sha256.Sum256([]byte(live.refresh)), md5.Sum([]byte(alicePassword)), sha256.Sum256([]byte(salt+alicePassword))
	for _, known := range [][2]string{
		{"the token", live.refresh}, {"the token before", before.refresh}, {"the token in hex", hex.EncodeToString([]byte(live.refresh))},
		{"the token in base64", base64.StdEncoding.EncodeToString([]byte("v1." + live.refresh))},
		{"its signature", live.refresh[strings.LastIndexByte(live.refresh, '.')+1:]}, {"its SHA-256", string(sum[:])},
		{"the access token", live.access}, {"the password", alicePassword}, {"MD5", hex.EncodeToString(md5sum[:])},
		{"salted SHA-256", hex.EncodeToString(salted[:])}, {"10000 rounds", "pbkdf2_sha256$10000$" + salt}, {"64 rounds", "pbkdf2_sha256$64$" + salt},
	} {
		if strings.Contains(text, known[1]) {
			return known[0]
		}
	}
	return ""
}
