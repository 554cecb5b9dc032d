// Package mysqltest gives tests servers of MariaDB and MySQL: those that
// FLAMINGOCK_TEST_MARIADB_URI and FLAMINGOCK_TEST_MYSQL_URI name, or else installed
// programs, started in a temporary directory on a loopback port. MySQL 8.0.12 is
// always to be had on Linux with Maven: it is installed into the clone's .cache.
// Without any of them, tests are skipped, with a word on how to get one.
//
// A server that this package started ends with the process that started it, even
// when that is killed. It survives its own death, not that of the machine.
package mysqltest
