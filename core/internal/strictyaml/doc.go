// Package strictyaml reads YAML files that people wrote: change files and the
// configuration. It is strict, bounded, and remembers where everything stands.
//
// # What is accepted
//
// One document of UTF-8 text (a byte order mark and CRLF are fine) with mappings,
// sequences and scalars. Refused, with a sentence that says what to write
// instead: more than [MaxBytes], control characters, empty files, several
// documents, anchors, aliases and merge keys (a few bytes of them can stand for
// gigabytes), tags, directives, `? ` keys, duplicate keys, tabs as indentation,
// deep nesting. Plain scalars follow the YAML 1.2 core schema: true and false are
// booleans, yes and no are text, 2024-01-01 is text. A number with a leading zero
// means different things to different readers, so it is text where text is
// wanted, and a fault elsewhere.
//
// # How it reads
//
// goccy/go-yaml finds the structure. Every scalar is then read a second time from
// the source, by this package, which also checks that the tokens account for
// every character of the file: when the two disagree the file is refused, it is
// never misread. Positions come from that second reading, so they are exact; they
// count characters from 1, as editors do, without the byte order mark.
//
// # Invariants
//
// Every fault of a file is reported, not the first only; for text that is no YAML
// there is one. No message quotes a value of the file, which may be a secret; keys
// are quoted. Whatever the bytes are, nothing panics, and the work is bounded.
//
// # Not guaranteed
//
// Comments and quoting are not kept: a document cannot be written back.
package strictyaml
