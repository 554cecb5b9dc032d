// Package local runs LocalStack and DynamoDB Local without Docker, as processes that
// listen on 127.0.0.1 only. What it installs goes to a directory of the clone; it
// needs no root. A server ends with the process that started it, even if that is
// killed.
//
// LocalStack as a process lacks what its image brings besides: the programs that
// some services start, such as Kinesis and OpenSearch. It runs no Lambda functions.
package local
