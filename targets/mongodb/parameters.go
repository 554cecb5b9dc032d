package mongodb

import (
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// payload is an operation as Flamingock has it. P are the parameters of its type.
type payload[P any] struct {
	Type       core.Text `yaml:"type"`
	Collection core.Text `yaml:"collection"`
	Parameters P         `yaml:"parameters"`
}

// anyParameters are those of all types, for the JSON Schema and for what is no parameter
// of any.
type anyParameters struct {
	Keys             core.Ordered   `yaml:"keys"`
	IndexName        core.Text      `yaml:"indexName"`
	Options          anyOptions     `yaml:"options"`
	Documents        []core.Ordered `yaml:"documents"`
	Filter           core.Ordered   `yaml:"filter"`
	Update           core.Ordered   `yaml:"update"`
	Multi            bool           `yaml:"multi"`
	Target           core.Text      `yaml:"target"`
	Validator        core.Ordered   `yaml:"validator"`
	ValidationLevel  core.Text      `yaml:"validationLevel"`
	ValidationAction core.Text      `yaml:"validationAction"`
	ViewOn           core.Text      `yaml:"viewOn"`
	Pipeline         []core.Ordered `yaml:"pipeline"`
}

type anyOptions struct {
	Index        indexOptions   `yaml:",inline"`
	DropTarget   bool           `yaml:"dropTarget"`
	Ordered      *bool          `yaml:"ordered"`
	Bypass       *bool          `yaml:"bypassDocumentValidation"`
	Upsert       bool           `yaml:"upsert"`
	ArrayFilters []core.Ordered `yaml:"arrayFilters"`
}

type noParameters struct{}

type indexParameters struct {
	Keys    core.Ordered `yaml:"keys"`
	Options indexOptions `yaml:"options"`
}

// indexOptions have the names of Flamingock, which are those of the Java driver.
type indexOptions struct {
	Name                    core.Text    `yaml:"name"`
	Background              *bool        `yaml:"background"` // means nothing since MongoDB 4.2
	Unique                  *bool        `yaml:"unique"`
	Sparse                  *bool        `yaml:"sparse"`
	Hidden                  *bool        `yaml:"hidden"`
	ExpireAfterSeconds      *int32       `yaml:"expireAfterSeconds"`
	Version                 *int32       `yaml:"version"`
	Weights                 core.Ordered `yaml:"weights"`
	DefaultLanguage         core.Text    `yaml:"defaultLanguage"`
	LanguageOverride        core.Text    `yaml:"languageOverride"`
	TextVersion             *int32       `yaml:"textVersion"`
	SphereVersion           *int32       `yaml:"sphereVersion"`
	Bits                    *int32       `yaml:"bits"`
	Min                     *float64     `yaml:"min"`
	Max                     *float64     `yaml:"max"`
	StorageEngine           core.Ordered `yaml:"storageEngine"`
	WildcardProjection      core.Ordered `yaml:"wildcardProjection"`
	PartialFilterExpression core.Ordered `yaml:"partialFilterExpression"`
	Collation               *collation   `yaml:"collation"`
}

type collation struct {
	Locale          core.Text `yaml:"locale"`
	CaseLevel       *bool     `yaml:"caseLevel"`
	CaseFirst       core.Text `yaml:"caseFirst"`
	Strength        *int32    `yaml:"strength"`
	NumericOrdering *bool     `yaml:"numericOrdering"`
	Alternate       core.Text `yaml:"alternate"`
	MaxVariable     core.Text `yaml:"maxVariable"`
	Normalization   *bool     `yaml:"normalization"`
	Backwards       *bool     `yaml:"backwards"`
}

type dropIndexParameters struct {
	IndexName core.Text    `yaml:"indexName"`
	Keys      core.Ordered `yaml:"keys"`
}

type insertParameters struct {
	Documents []core.Ordered `yaml:"documents"`
	Options   struct {
		Bypass  *bool `yaml:"bypassDocumentValidation"`
		Ordered *bool `yaml:"ordered"`
	} `yaml:"options"`
}

type updateParameters struct {
	Filter  core.Ordered `yaml:"filter"`
	Update  core.Ordered `yaml:"update"`
	Multi   bool         `yaml:"multi"`
	Options struct {
		Upsert       bool           `yaml:"upsert"`
		Bypass       *bool          `yaml:"bypassDocumentValidation"`
		Collation    *collation     `yaml:"collation"`
		ArrayFilters []core.Ordered `yaml:"arrayFilters"`
	} `yaml:"options"`
}

type deleteParameters struct {
	Filter core.Ordered `yaml:"filter"`
	Multi  bool         `yaml:"multi"`
}

type renameParameters struct {
	Target  core.Text `yaml:"target"`
	Options struct {
		DropTarget bool `yaml:"dropTarget"`
	} `yaml:"options"`
}

type modifyParameters struct {
	Validator        core.Ordered `yaml:"validator"`
	ValidationLevel  core.Text    `yaml:"validationLevel"`
	ValidationAction core.Text    `yaml:"validationAction"`
}

type viewParameters struct {
	ViewOn   core.Text      `yaml:"viewOn"`
	Pipeline []core.Ordered `yaml:"pipeline"`
	Options  struct {
		Collation *collation `yaml:"collation"`
	} `yaml:"options"`
}

func blank(t core.Text) bool { return strings.TrimSpace(t.Value) == "" }

// wrongName says what is wrong with a collection's name; "" when nothing is.
func wrongName(t core.Text) string {
	switch n := t.Value; {
	case blank(t):
		return "is missing"
	case len(core.References(n)) > 0:
		return ""
	case strings.Contains(n, "$"):
		return "cannot contain $"
	case strings.Contains(n, "\x00"):
		return "cannot contain a null character"
	case strings.HasPrefix(n, "system."):
		return "cannot begin with system., which is the server's"
	case n == fenceCollection || n == markerCollection:
		return "is one that Flamingock keeps its own in"
	}
	return ""
}
