package strictyaml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/token"

	"github.com/flamingock/flamingock-go/core"
)

// tokenReader reads the scalars of a token list from the source and checks that
// the tokens account for every character. It stops at the first fault: what
// follows a character that is understood wrongly means nothing.
type tokenReader struct {
	src    *source
	faults *Faults
	tokens token.Tokens

	starts map[*token.Token]int
	leaves map[*token.Token]leaf

	cursor  int   // index of the first character not accounted for
	flow    int   // how many brackets are open
	columns []int // the indentations of the open block collections
	keys    int
	ended   bool // a document end was read
}

// read reports whether all went well.
func (r *tokenReader) read() bool {
	r.starts = make(map[*token.Token]int, len(r.tokens))
	r.leaves = make(map[*token.Token]leaf, len(r.tokens)/2)
	var list []*token.Token
	for _, tk := range r.tokens {
		if tk.Type != token.CommentType {
			list = append(list, tk)
		}
	}
	if len(list) > MaxTokens {
		return r.fault(core.Position{File: r.src.file}, fmt.Sprintf("the file has more than %d values: split it", MaxTokens))
	}
	for i := 0; i < len(list); i++ {
		if !r.gap(list[i]) || !r.token(list, i) {
			return false
		}
		if isBlock(list[i]) && i+1 < len(list) && list[i+1].Type == token.StringType {
			i++ // the block's content as the library read it
		}
	}
	before := r.cursor
	if r.skip(); r.cursor < len(r.src.text) {
		return r.indented(before) && r.misread(&misread{r.cursor, doubtful})
	}
	return true
}

func isBlock(tk *token.Token) bool {
	return tk.Type == token.LiteralType || tk.Type == token.FoldedType
}

func (r *tokenReader) fault(at core.Position, message string) bool {
	r.faults.Add(at, message)
	return false
}

func (r *tokenReader) misread(m *misread) bool {
	return r.fault(r.src.pos(min(m.at, len(r.src.text))), m.message)
}

// skip moves the cursor over blanks, line ends and comments.
func (r *tokenReader) skip() {
	t := r.src.text
	for r.cursor < len(t) {
		switch c := t[r.cursor]; {
		case isBlank(c), c == '\n':
			r.cursor++
		case c == '#' && (r.cursor == 0 || isBlank(t[r.cursor-1]) || t[r.cursor-1] == '\n'):
			r.cursor = r.src.lineEnd(r.cursor)
		default:
			return
		}
	}
}

// gap moves the cursor to a token and refuses tabs as indentation.
func (r *tokenReader) gap(tk *token.Token) bool {
	before := r.cursor
	r.skip()
	if tk.Type == token.InvalidType {
		return r.invalid(tk)
	}
	if r.cursor >= len(r.src.text) {
		return r.misread(&misread{r.cursor, doubtful})
	}
	return r.indented(before)
}

// invalid reports what the library could not make a token of.
func (r *tokenReader) invalid(tk *token.Token) bool {
	if r.cursor < len(r.src.text) && r.src.text[r.cursor] == '"' {
		// Ours says which of the escapes is wrong.
		if _, bad := r.src.double(r.cursor); bad != nil {
			return r.misread(bad)
		}
	}
	return r.fault(r.src.pos(min(r.cursor, len(r.src.text))), syntaxMessage(tk.Error))
}

// indented refuses tabs as indentation between before and the cursor.
func (r *tokenReader) indented(before int) bool {
	if r.flow > 0 {
		return true
	}
	from := max(before, r.src.lineStart(r.cursor))
	own := from == r.src.lineStart(r.cursor)
	afterDash := before > 0 && !own && r.src.text[before-1] == '-'
	if !own && !afterDash {
		return true
	}
	if i := slices.Index(r.src.text[from:r.cursor], '\t'); i >= 0 {
		return r.misread(&misread{from + i, tabIndent})
	}
	return true
}

const tabIndent = "a tab is no indentation: use spaces"

// token reads the token list[i] at the cursor.
func (r *tokenReader) token(list []*token.Token, i int) bool {
	tk := list[i]
	r.starts[tk] = r.cursor
	if r.ended {
		return r.misread(&misread{r.cursor, severalDocuments})
	}
	switch tk.Type {
	case token.AnchorType, token.AliasType, token.MergeKeyType:
		return r.misread(&misread{r.cursor, "anchors (&), aliases (*) and merge keys (<<) are not allowed: write the values out; a text that begins with one of these needs quotes"})
	case token.TagType:
		return r.misread(&misread{r.cursor, "tags (!) are not allowed; a text that begins with ! needs quotes"})
	case token.DirectiveType:
		return r.misread(&misread{r.cursor, "directives (%) are not allowed; a text that begins with % needs quotes"})
	case token.MappingKeyType:
		return r.misread(&misread{r.cursor, "keys after a question mark are not allowed: write key: value"})
	case token.DocumentHeaderType:
		if i > 0 {
			return r.misread(&misread{r.cursor, severalDocuments})
		}
		return r.mark("---")
	case token.DocumentEndType:
		r.ended = true
		return r.mark("...")
	case token.SequenceStartType:
		return r.open('[')
	case token.MappingStartType:
		return r.open('{')
	case token.SequenceEndType:
		r.flow--
		return r.mark("]")
	case token.MappingEndType:
		r.flow--
		return r.mark("}")
	case token.CollectEntryType:
		if i > 0 {
			switch list[i-1].Type { //nolint:exhaustive // these cannot come before a comma
			case token.CollectEntryType, token.SequenceStartType, token.MappingStartType:
				return r.misread(&misread{r.cursor, "a value is missing before this comma"})
			}
		}
		return r.mark(",")
	case token.SequenceEntryType:
		if r.flow > 0 {
			return r.misread(&misread{r.cursor, "a list with dashes is not allowed in brackets"})
		}
		return r.nest(r.cursor) && r.mark("-")
	case token.MappingValueType:
		return r.colon(list, i)
	case token.SingleQuoteType, token.DoubleQuoteType, token.LiteralType, token.FoldedType,
		token.StringType, token.IntegerType, token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType,
		token.FloatType, token.InfinityType, token.NanType, token.NullType, token.ImplicitNullType, token.BoolType:
		return r.scalar(list, i)
	case token.UnknownType, token.CommentType, token.SpaceType, token.InvalidType:
	}
	return r.misread(&misread{r.cursor, doubtful})
}

const severalDocuments = "the file has several documents: put each into a file of its own"

// mark consumes characters that must stand at the cursor.
func (r *tokenReader) mark(want string) bool {
	for _, c := range want {
		if r.cursor >= len(r.src.text) || r.src.text[r.cursor] != c {
			return r.misread(&misread{r.cursor, doubtful})
		}
		r.cursor++
	}
	return true
}

func (r *tokenReader) open(bracket rune) bool {
	if r.flow++; r.flow+len(r.columns) > MaxDepth {
		return r.misread(&misread{r.cursor, tooDeep()})
	}
	return r.mark(string(bracket))
}

func tooDeep() string { return fmt.Sprintf("values are nested more than %d deep", MaxDepth) }

// nest notes that a block collection has an entry at index i. The depth is
// checked here because the library's parser recurses without a bound.
func (r *tokenReader) nest(i int) bool {
	if r.flow > 0 {
		return true
	}
	col := r.src.pos(i).Column
	for len(r.columns) > 0 && r.columns[len(r.columns)-1] > col {
		r.columns = r.columns[:len(r.columns)-1]
	}
	if len(r.columns) == 0 || r.columns[len(r.columns)-1] < col {
		r.columns = append(r.columns, col)
	}
	if len(r.columns) > MaxDepth {
		return r.misread(&misread{i, tooDeep()})
	}
	return true
}

func (r *tokenReader) colon(list []*token.Token, i int) bool {
	if r.keys++; r.keys > MaxKeys {
		return r.fault(core.Position{File: r.src.file}, fmt.Sprintf("the file has more than %d keys: split it", MaxKeys))
	}
	quotedKey := false
	if i > 0 {
		key, ok := r.leaves[list[i-1]]
		if !ok && r.flow == 0 {
			return r.misread(&misread{r.cursor, "a key is missing before the colon"})
		}
		if ok {
			quotedKey = key.quoted
			if r.src.pos(key.start).Line != r.src.pos(r.cursor).Line {
				return r.misread(&misread{key.start, "a key and its colon must be on one line"})
			}
			if !r.nest(key.start) {
				return false
			}
		}
	}
	if !r.mark(":") {
		return false
	}
	if r.cursor < len(r.src.text) {
		switch c := r.src.text[r.cursor]; {
		case isBlank(c), c == '\n':
		case r.flow > 0 && (quotedKey || strings.ContainsRune(",[]{}", c)):
		default:
			return r.misread(&misread{r.cursor, "put a space after the colon"})
		}
	}
	return true
}

func (r *tokenReader) scalar(list []*token.Token, i int) bool {
	var (
		l   leaf
		bad *misread
	)
	switch tk := list[i]; tk.Type {
	case token.SingleQuoteType:
		l, bad = r.src.single(r.cursor)
	case token.DoubleQuoteType:
		l, bad = r.src.double(r.cursor)
	case token.LiteralType, token.FoldedType:
		parent, ok := r.parent(list, i)
		if !ok {
			return r.misread(&misread{r.cursor, "a block of text is not allowed here"})
		}
		l, bad = r.src.block(r.cursor, parent)
	default:
		l, bad = r.src.plain(r.cursor, tk.Value, r.flow > 0)
	}
	if bad != nil {
		return r.misread(bad)
	}
	r.leaves[list[i]] = l
	r.cursor = l.end
	return true
}

// parent returns the indentation of the collection that the block list[i] is a
// value of.
func (r *tokenReader) parent(list []*token.Token, i int) (int, bool) {
	if r.flow > 0 {
		return 0, false
	}
	if i == 0 || list[i-1].Type == token.DocumentHeaderType {
		return -1, true
	}
	switch prev := list[i-1]; prev.Type { //nolint:exhaustive // the rest cannot come before a block
	case token.SequenceEntryType:
		return r.src.pos(r.starts[prev]).Column - 1, true
	case token.MappingValueType:
		if i > 1 {
			if key, ok := r.leaves[list[i-2]]; ok {
				return r.src.pos(key.start).Column - 1, true
			}
		}
	}
	return 0, false
}
