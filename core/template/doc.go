// Package template loads change files: YAML files that name a template and carry
// its payload become core.Change values, and after that nothing asks where a
// change came from.
//
// A stage is a directory, a list in code, or both under one name. The files of a
// directory are named _ORDER__name.yaml; subdirectories, hidden files and files
// with other extensions are not looked at. The format is section 4.1 of
// docs/design.md; Flamingock's own files load unchanged.
//
// # Invariants
//
// Load contacts nothing but the files. It reports every fault of every file at
// once, with file:line:column, sorted; on any fault it returns no stages. It does
// not resolve references: it lists them in Change.References, and templates
// resolve them with Session.Resolve when a step runs. No message quotes a payload.
// A checksum is over what a change means, see canonical.go: the form is fixed
// for ever, because it is compared with what ledgers recorded.
//
// # Not guaranteed
//
// A file that changes while it is read may give either content, or a fault. The
// order of a mapping's keys is not part of the checksum, even where a template
// gives it a meaning.
package template
