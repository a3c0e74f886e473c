package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schemaNode is what the test looks at of a JSON schema.
type schemaNode struct {
	Type        string                 `json:"type"`
	Ref         string                 `json:"$ref"`
	Enum        []string               `json:"enum"`
	Description string                 `json:"description"`
	Properties  map[string]*schemaNode `json:"properties"`
	Additional  json.RawMessage        `json:"additionalProperties"`
	Items       *schemaNode            `json:"items"`
	Defs        map[string]*schemaNode `json:"$defs"`
}

// resolved follows a reference; what the reference itself says stands beside it.
func (n *schemaNode) resolved(t *testing.T, root *schemaNode) *schemaNode {
	t.Helper()
	if n.Ref == "" {
		return n
	}
	def := root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
	require.NotNil(t, def, n.Ref)
	return def
}

// The published schema and the structs say the same: every member of either is in the other, of the same kind, with the same values, and described.
func TestSchemaAgrees(t *testing.T) {
	raw, err := os.ReadFile("profile.schema.json")
	require.NoError(t, err)
	var root schemaNode
	require.NoError(t, json.Unmarshal(raw, &root))
	seen := map[reflect.Type]bool{}
	agree(t, &root, &root, reflect.TypeFor[Profile](), "", seen)
	require.True(t, seen[reflect.TypeFor[Call]()] && seen[reflect.TypeFor[Word]()] && seen[reflect.TypeFor[Answer]()])
}

func agree(t *testing.T, root, n *schemaNode, kind reflect.Type, where string, seen map[reflect.Type]bool) {
	t.Helper()
	n = n.resolved(t, root)
	switch kind.Kind() {
	case reflect.Struct:
		if seen[kind] {
			return
		}
		seen[kind] = true
		require.Equal(t, "object", n.Type, where)
		require.Equal(t, "false", string(n.Additional), "%s takes unknown keys", where)
		require.Len(t, n.Properties, kind.NumField(), where)
		for i := range kind.NumField() {
			key, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			member := n.Properties[key]
			require.NotNil(t, member, "%s.%s is not in the schema", where, key)
			require.NotEmpty(t, member.Description, "%s.%s", where, key)
			require.Equal(t, choicesOf(kind, key), member.Enum, "%s.%s", where, key)
			agree(t, root, member, kind.Field(i).Type, where+"."+key, seen)
		}
	case reflect.Map:
		require.Equal(t, "object", n.Type, where)
		if kind.Elem().Kind() != reflect.Interface {
			var values schemaNode
			require.NoError(t, json.Unmarshal(n.Additional, &values), where)
			agree(t, root, &values, kind.Elem(), where+".*", seen)
		}
	case reflect.Slice:
		require.Equal(t, "array", n.Type, where)
		agree(t, root, n.Items, kind.Elem(), where+"[]", seen)
	case reflect.String:
		require.True(t, n.Type == "string" || n.Enum != nil, where)
	default:
		require.Equal(t, map[reflect.Kind]string{reflect.Bool: "boolean", reflect.Int: "integer"}[kind.Kind()], n.Type, where)
	}
}

// choicesOf are the values that a struct's member may have.
func choicesOf(kind reflect.Type, member string) []string {
	switch {
	case kind == reflect.TypeFor[Policy]():
		for _, w := range new(Policy).words() {
			if w.name == member {
				return w.known
			}
		}
		return nil
	case member == "storage":
		return []string{StorageSHA256}
	}
	return choices(member)
}

// The presets and the examples point editors at the schema.
func TestProfilesNameTheSchema(t *testing.T) {
	for dir, schema := range map[string]string{"profiles": "../profile.schema.json", "testdata/profiles": "../../profile.schema.json"} {
		files, err := filepath.Glob(dir + "/*.json")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			raw, err := os.ReadFile(f)
			require.NoError(t, err)
			p, err := ParseProfile(raw)
			require.NoError(t, err, f)
			require.Equal(t, schema, p.Schema, f)
			require.Equal(t, strings.TrimSuffix(filepath.Base(f), ".json"), p.Name)
		}
	}
}
