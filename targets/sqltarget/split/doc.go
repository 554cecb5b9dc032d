// Package split cuts an SQL script into statements without executing or
// understanding it: a lexer that knows just enough of a dialect to see where a
// statement ends.
//
// # What is guaranteed
//
// The text of a statement is a part of the script, byte for byte, from its first
// token to its last; between two statements there is nothing but white space,
// comments, terminators and commands that change the terminator. Positions are
// those of the first token. The time is linear in the length of the script. A
// script in which a quotation, a comment or a body does not end is refused, with
// the position where it starts: its statements cannot be known. So is what only a
// client understands, such as psql's commands.
//
// For PostgreSQL that is held against its own parser, in the module oracletest,
// which is apart because the parser is large.
//
// # What is not guaranteed
//
// A statement is not checked: text that is no SQL comes out as a statement for
// the database to refuse. A reference such as ${env:NAME} counts as one token;
// whatever it resolves to later is not split. A function with a BEGIN ATOMIC body
// within such a body, which PostgreSQL parses and then refuses, is cut too early.
package split
