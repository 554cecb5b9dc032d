// Package mongotest gives tests a MongoDB, as far as one can be had.
//
//   - ReplicaSet is a real one: FLAMINGOCK_TEST_MONGODB_URI, or the image mongo:8.0 where a
//     Docker engine has pulled it.
//   - Standalone is a FerretDB in a container, whose image internal/mongotest/image/build
//     makes: a server that others wrote, for everything but transactions, which it does
//     not have though it says so.
//   - Model is a model of a replica set, in this process: it speaks the wire protocol and
//     knows as much of transactions as the tests of them need. It shows which commands
//     are sent and what is made of their answers; that MongoDB gives those answers it
//     does not show.
package mongotest
