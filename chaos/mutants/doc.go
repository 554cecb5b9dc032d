// Package mutants breaks the code on purpose, one rule of docs/design.md 3 at a time,
// and finds out whether the tests notice. A mutant is a replacement of a few words in
// one file, given to the go command as an overlay: the files themselves stay as they
// are.
//
//	make mutants                 all of them: minutes
//	make mutants MUTANT=M07      one
package mutants
