package dynamodb

import (
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestDoes(t *testing.T) {
	const table, items = "template: dynamodb-table\napply: ", "template: dynamodb-items\napply: "
	long := strings.Repeat("t", 255)
	awstargettest.Does(t, Type(), New("shop", nil), map[string]string{
		table + "{ create: { table: orders, keys: { partition: id }, attributes: { id: S } } }": "creates table orders",
		table + "{ create: { table: orders, keys: { partition: id, sort: at }, attributes: { id: S, at: N, by: S }, ttl: expires, tags: { a: canary }, " +
			"globalIndexes: [{ name: by-customer, keys: { partition: by } }], localIndexes: [{ name: by-maker, sort: by }] } }": "creates table orders with indexes by-customer and by-maker, ttl and tags",
		table + "{ create: { table: '${env:TABLE}', keys: { partition: id }, attributes: { id: S }, encryption: alias/canary } }":                                                                 "creates table ${env:TABLE} with encryption",
		table + "{ update: { table: orders, attributes: { by: S }, addIndexes: [{ name: by-customer, keys: { partition: by } }], removeIndexes: [old-one], stream: 'off', removeTags: [a, b] } }": "updates table orders: adds index by-customer, removes index old-one, sets stream, removes tags a and b",
		table + "{ delete: { table: orders } }":                  "deletes table orders with its items",
		table + "{ delete: { table: orders, unprotect: true } }": "switches off the deletion protection of table orders, and deletes it with its items",
		table + "{ delete: { table: " + long + " } }":            "deletes table " + core.Cap(long, maxTold) + " with its items",

		items + "[{ put: { table: orders, item: { id: canary } } }]": "puts 1 item into orders",
		items + "[{ put: { table: orders, item: { id: canary, n: 1 } } }, { put: { table: orders, item: { id: canary2 } } }, { update: { table: stock, key: { id: canary }, set: { token: canary } } }, " +
			"{ delete: { table: orders, key: { id: canary3 } } }, { check: { table: '${env:T}', key: { id: canary }, condition: 'a = :a', values: { a: canary } } }]": "puts 2 items into orders, updates 1 item of stock, deletes 1 item from orders, checks 1 item of ${env:T}",
		items + "[{ partiql: { statement: \"UPDATE orders SET a = 'canary' WHERE id = 'canary'\" } }]":                                                                            "runs 1 PartiQL statement",
		items + "[{ put: { table: orders, item: { id: canary } } }, { partiql: { statement: \"DELETE FROM orders WHERE id = 'canary'\" } }]\nconfiguration: { inSequence: true }": "puts 1 item into orders, runs 1 PartiQL statement, one by one",
	})
}
