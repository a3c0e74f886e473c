package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// matcher finds thousands of patterns in one pass. At each place of a text it takes the eight bytes that end there, and asks a bit table
// whether a pattern may end in them; only then it looks closer. Patterns end in what is random about them: tokens begin alike.
type matcher struct {
	patterns []pattern
	byEnd    map[uint64][]int32
	filter   []uint64           // a bit for each hash of an end
	short    map[string][]int32 // what is too short to be looked for inside other text
}

const filterBits = 20

func newMatcher(secrets []conformance.StoredSecret) *matcher {
	m := &matcher{byEnd: map[uint64][]int32{}, filter: make([]uint64, 1<<filterBits/64), short: map[string][]int32{}}
	for n, s := range secrets {
		if s.Value == "" {
			continue
		}
		for _, p := range spellings(n, s) {
			i := int32(len(m.patterns))
			switch {
			case len(p.text) >= shortest:
				end := binary.LittleEndian.Uint64(p.text[len(p.text)-shortest:])
				m.byEnd[end] = append(m.byEnd[end], i)
				h := bucket(end)
				m.filter[h/64] |= 1 << (h % 64)
			case s.Kind == conformance.AccountName:
				m.short[string(p.text)] = append(m.short[string(p.text)], i)
			default:
				continue
			}
			m.patterns = append(m.patterns, p)
		}
	}
	return m
}

func bucket(end uint64) uint64 { return end * 0x9e3779b97f4a7c15 >> (64 - filterBits) }

// hit is a pattern that was found.
type hit struct {
	secret int
	form   conformance.Form
	how    string
}

// find appends what stands in a value, each secret and form once: as it stands there, percent-encoded, or with the escapes of JSON.
func (m *matcher) find(hits []hit, value []byte, scratch *[]byte) []hit {
	if len(value) < shortest {
		for _, i := range m.short[string(value)] {
			hits = m.add(hits, i, "")
		}
		return hits
	}
	hits = m.scan(hits, value, "")
	if bytes.IndexByte(value, '%') >= 0 {
		*scratch = unpercent((*scratch)[:0], value)
		hits = m.scan(hits, *scratch, "percent-encoded")
	}
	if bytes.IndexByte(value, '\\') >= 0 {
		*scratch = unescape((*scratch)[:0], value)
		hits = m.scan(hits, *scratch, "escaped")
	}
	return hits
}

func (m *matcher) scan(hits []hit, text []byte, how string) []hit {
	for i := 0; i+shortest <= len(text); i++ {
		end := binary.LittleEndian.Uint64(text[i:])
		h := bucket(end)
		if m.filter[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, p := range m.byEnd[end] {
			if bytes.HasSuffix(text[:i+shortest], m.patterns[p].text) {
				hits = m.add(hits, p, how)
			}
		}
	}
	return hits
}

// add keeps a hit, unless the same secret was found in that form already; the whole of a token includes its signature.
func (m *matcher) add(hits []hit, i int32, how string) []hit {
	p := m.patterns[i]
	if how == "" {
		how = p.how
	}
	for j, h := range hits {
		switch {
		case h.secret != p.secret:
		case h.form == p.form && strings.HasPrefix(h.how, "decoded"): // what was decoded and encoded again is what it was
			hits[j].how = how
			return hits
		case h.form == p.form, h.form == conformance.Whole && p.form == conformance.Signature:
			return hits
		case h.form == conformance.Signature && p.form == conformance.Whole:
			hits[j] = hit{p.secret, p.form, how}
			return hits
		}
	}
	return append(hits, hit{p.secret, p.form, how})
}

// unpercent decodes %XX, and leaves alone what is no such code.
func unpercent(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		var b [1]byte
		if src[i] == '%' && i+2 < len(src) {
			if _, err := hex.Decode(b[:], src[i+1:i+3]); err == nil {
				dst = append(dst, b[0])
				i += 2
				continue
			}
		}
		dst = append(dst, src[i])
	}
	return dst
}

// unescape decodes \uXXXX and leaves away the backslash of every other escape: tokens and passwords hold no control characters.
func unescape(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		if src[i] != '\\' || i+1 == len(src) {
			dst = append(dst, src[i])
			continue
		}
		i++
		var b [2]byte
		if src[i] == 'u' && i+4 < len(src) {
			if _, err := hex.Decode(b[:], src[i+1:i+5]); err == nil {
				dst = utf8.AppendRune(dst, rune(binary.BigEndian.Uint16(b[:])))
				i += 4
				continue
			}
		}
		dst = append(dst, src[i])
	}
	return dst
}
