// Package all lists every target type of this module. The list is explicit, so
// that a program which needs fewer imports fewer.
package all

import (
	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/targets/dynamodb"
	"github.com/flamingock/flamingock-go/targets/httpapi"
	"github.com/flamingock/flamingock-go/targets/httpapi/sigv4"
	"github.com/flamingock/flamingock-go/targets/mongodb"
	"github.com/flamingock/flamingock-go/targets/mysql"
	mysqlauth "github.com/flamingock/flamingock-go/targets/mysql/rdsauth"
	"github.com/flamingock/flamingock-go/targets/postgres"
	"github.com/flamingock/flamingock-go/targets/postgres/rdsauth"
	"github.com/flamingock/flamingock-go/targets/s3"
	"github.com/flamingock/flamingock-go/targets/sns"
	"github.com/flamingock/flamingock-go/targets/sqlite"
	"github.com/flamingock/flamingock-go/targets/sqs"
)

// Types returns all target types, by name.
func Types() []core.TargetType {
	return []core.TargetType{
		dynamodb.Type(),
		httpapi.Type(httpapi.WithSigV4(sigv4.New())),
		mongodb.Type(),
		mysql.Type(mysql.WithTokens(mysqlauth.New())),
		postgres.Type(postgres.WithTokens(rdsauth.New())),
		s3.Type(),
		sns.Type(),
		sqlite.Type(),
		sqs.Type(),
	}
}
