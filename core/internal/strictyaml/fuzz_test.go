package strictyaml

import "testing"

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a: 1\n", "id: x\napply: |\n  SELECT 1;\n", "a: >-\n  b\n\n  c\n", "a: [1, {b: c}]\n", "a: \"\\u00e9\\\n  b\"\n",
		"a: 'it''s'\n", "- a\n- - b\n  - c: d\n", "a: &x [*x]\n", "<<: *a\n", "? a\n: b\n", "%YAML 1.2\n---\na\n...\n",
		"\xEF\xBB\xBFa: b\r\n", "a:\n\tb\n", "a: |2\n   x\n", "{a: , b}\n", "\x00", "\xff\xfe", "a: !!binary x\n", "[[[[[[", "- - - -",
		"a: b: c\n", "a\n b\n", "'\n", "\"\\", "|\n", ">", "---\n---\n", "a: #\n",
	} {
		f.Add([]byte(s))
	}
	for _, p := range pieces {
		f.Add([]byte(p))
	}
	f.Fuzz(checkParse)
}
