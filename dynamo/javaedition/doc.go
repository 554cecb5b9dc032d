// Package javaedition reads the audit table of Flamingock's Java edition on
// DynamoDB, so that its history can be imported. It never writes to it.
//
// The table has one key, partitionKey = <executionId>#<changeId>#<state>, and no
// order: all of it is read with one consistent Scan of many pages, and put in order
// here. A row's time is the local time of the process that wrote it, without a zone,
// which only its users can know. A row is overwritten by a later one of the same
// key; what was overwritten is lost, here as there.
//
// A Scan is no snapshot: rows that are written meanwhile may be missing, and come
// with the next import.
package javaedition
