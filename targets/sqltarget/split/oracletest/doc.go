// Package oracletest holds the SQL splitter against PostgreSQL's own parser. It is
// a module of its own so that nobody else gets the parser, which is large.
package oracletest
