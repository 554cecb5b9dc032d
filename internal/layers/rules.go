package layers

// Module is the path of the module that the rules are about. Packages in the
// table are named relative to it.
const Module = "github.com/flamingock/flamingock-go"

// Layer is one row of the table: the packages it speaks for and what their
// production files may import directly. The standard library is free, except
// for package testing and what is below it.
type Layer struct {
	// Packages are patterns: a path whose elements may be "*", and which may end
	// in "/..." for everything at or below it. The first row that matches a
	// package speaks for it. Packages under one pattern match that agree in all
	// elements before "/..." belong together and may import each other.
	Packages []string
	// Own are patterns of this module's packages that may be imported.
	Own []string
	// Third are patterns of other modules' packages that may be imported.
	Third []string
	// ForTests marks packages that exist for tests: they may import package
	// testing, and only their like may import them.
	ForTests bool
	// Why is printed with every violation.
	Why string
}

// Reach forbids what packages may reach over any number of imports.
type Reach struct {
	From, Except []string
	// Never are patterns: paths of this module relative to it, others in full.
	// Allowed are those of them that may be reached all the same.
	Never, Allowed []string
	Why            string
}

const (
	yamlLibrary  = "github.com/goccy/go-yaml/..."
	sqliteDriver = "modernc.org/sqlite/..."
	backoff      = "github.com/cenkalti/backoff/v5"
	fileLock     = "github.com/gofrs/flock"
	awsSDK       = "github.com/aws/aws-sdk-go-v2/..."
	awsSmithy    = "github.com/aws/smithy-go/..."
	awsLambda    = "github.com/aws/aws-lambda-go/..."
	anyModule    = "..."
)

// otelAPI is the OpenTelemetry API without its SDK and exporters.
var otelAPI = []string{
	"go.opentelemetry.io/otel",
	"go.opentelemetry.io/otel/attribute/...",
	"go.opentelemetry.io/otel/codes",
	"go.opentelemetry.io/otel/metric/...",
	"go.opentelemetry.io/otel/propagation",
	"go.opentelemetry.io/otel/trace/...",
}

// failpoints are empty functions, except in the builds that tests kill: they bring
// nothing but the standard library, and may stand anywhere.
const failpoints = "internal/failpoint"

// drivers are the SDKs and database drivers this project uses, or is likely to
// meet: what the core must not reach.
var drivers = []string{
	awsSDK, awsSmithy, awsLambda, sqliteDriver,
	"github.com/jackc/pgx/...", "github.com/go-sql-driver/mysql/...", "go.mongodb.org/mongo-driver/...",
	"github.com/twmb/franz-go/...", "github.com/rabbitmq/amqp091-go/...", "go.opentelemetry.io/otel/sdk/...",
	"go.opentelemetry.io/otel/exporters/...", "google.golang.org/grpc/...",
}

// Rules is section 2 of docs/design.md as data.
var Rules = Table{
	Layers: []Layer{
		{
			Packages: []string{"core"},
			Why:      "core holds the words of the domain: the standard library only",
		},
		{
			Packages: []string{"core/plan"},
			Own:      []string{"core"},
			Why:      "the planner is pure: core only",
		},
		{
			Packages: []string{"core/run"},
			Own:      []string{"core", "core/plan", failpoints},
			Third:    append([]string{backoff}, otelAPI...),
			Why:      "the Runner knows core, core/plan, a back-off and the OpenTelemetry API",
		},
		{
			Packages: []string{"core/internal/strictyaml"},
			Own:      []string{"core"},
			Third:    []string{yamlLibrary},
			Why:      "the strict decoder knows core and the YAML library",
		},
		{
			Packages: []string{"core/template", "core/config"},
			Own:      []string{"core", "core/internal/strictyaml"},
			Third:    []string{yamlLibrary},
			Why:      "the loaders know core, the strict decoder and the YAML library",
		},
		{
			Packages: []string{"core/filestore/..."},
			Own:      []string{"core", failpoints},
			Third:    []string{sqliteDriver, fileLock},
			Why:      "the embedded audit store knows core, SQLite and the file lock",
		},
		{
			Packages: []string{"core/memstore"},
			Own:      []string{"core"},
			ForTests: true,
			Why:      "the audit store in memory, for tests, knows core only",
		},
		{
			Packages: []string{"core/storetest", "core/targettest", "core/changetest"},
			Own:      []string{"core", "core/plan", "core/run", "core/template", "core/config", "core/filestore", "core/memstore", "core/storetest", "internal/standstill"},
			Third:    []string{"github.com/google/go-cmp/...", "pgregory.net/rapid", "github.com/anishathalye/porcupine", "go.uber.org/goleak"},
			ForTests: true,
			Why:      "a conformance suite knows the core and test libraries, never an adapter",
		},
		{
			Packages: []string{"dynamo/javaedition/javatest"},
			Own:      []string{"core"},
			Third:    []string{awsSDK},
			ForTests: true,
			Why:      "the maker of the Java edition's tables for tests knows core and the AWS SDK",
		},
		{
			Packages: []string{"dynamo/..."},
			Own:      []string{"core", "internal/awsclient", "internal/dynamoapi", failpoints},
			Third:    []string{awsSDK, awsSmithy},
			Why:      "the audit store on DynamoDB knows core and the AWS SDK",
		},
		{
			Packages: []string{"targets/all", "targets/aws"},
			Own:      []string{"core", "targets/*", "targets/httpapi/sigv4", "targets/postgres/rdsauth", "targets/mysql/rdsauth"},
			Why:      "a list names target systems and does nothing else",
		},
		{
			Packages: []string{"targets/sqltarget/..."},
			Own:      []string{"core", "core/template", failpoints},
			Why:      "the base of the SQL family has no driver",
		},
		{
			Packages: []string{"targets/*/..."},
			Own:      []string{"core", "core/template", "targets/sqltarget/...", "internal/awsclient", "internal/awstarget", "internal/dynamoapi", "internal/rdstoken", failpoints},
			Third:    []string{anyModule}, // its own client
			Why:      "a target system knows core, its base and its own client, never another adapter",
		},
		{
			Packages: []string{"internal/awsclient"},
			Own:      []string{"core"},
			Third:    []string{awsSDK, awsSmithy, backoff},
			Why:      "the maker of AWS clients knows the AWS SDK and a back-off",
		},
		{
			Packages: []string{"internal/dynamoapi"},
			Own:      []string{"internal/awsclient"},
			Third:    []string{awsSDK},
			Why:      "what all users of DynamoDB's API have to know",
		},
		{
			Packages: []string{"internal/awstarget"},
			Own:      []string{"core", "internal/awsclient"},
			Third:    []string{awsSDK, awsSmithy},
			Why:      "the base of the targets on AWS knows core and the maker of their clients, and no service",
		},
		{
			Packages: []string{"internal/awstarget/awstargettest"},
			Own:      []string{"core", "core/template", "core/targettest", "internal/awstest"},
			Third:    []string{awsSDK},
			ForTests: true,
			Why:      "the kit of the tests of targets on AWS knows no service",
		},
		{
			Packages: []string{"internal/rdstoken"},
			Own:      []string{"core", "internal/awsclient"},
			Third:    []string{awsSDK},
			Why:      "the maker of IAM tokens for RDS knows the AWS SDK",
		},
		{
			Packages: []string{"events"},
			Third:    []string{awsLambda},
			Why:      "decoding of trigger events needs no more than their types",
		},
		{
			Packages: []string{"internal/source"},
			Own:      []string{"core", "core/config", "internal/awsclient"},
			Third:    []string{awsSDK, awsSmithy},
			Why:      "where changes come from: the configuration and S3, nothing of Lambda",
		},
		{
			Packages: []string{"internal/notify"},
			Own:      []string{"core", "core/plan", "core/run", "core/config", "internal/awsclient"},
			Third:    []string{awsSDK},
			Why:      "who is told of a run: its report and the configuration, nothing of Lambda",
		},
		{
			Packages: []string{"internal/app/..."},
			Own:      []string{"core", "core/plan", "core/run", "core/template", "core/config", "core/filestore", "dynamo", "dynamo/javaedition", "internal/awsclient", "internal/source", "internal/notify", failpoints},
			Third:    []string{"go.opentelemetry.io/...", "github.com/aws/aws-sdk-go-v2/aws"},
			Why:      "the wiring gets its target systems from the Program; it must not choose them",
		},
		{
			Packages: []string{"container/cli/..."},
			Own:      []string{"core", "core/plan", "core/run", "core/template", "core/config", "core/filestore", "dynamo", "internal/app/..."},
			Third:    []string{"github.com/spf13/cobra/...", "github.com/spf13/pflag", "github.com/mattn/go-isatty", "golang.org/x/term", "golang.org/x/sys/..."},
			Why:      "users compile their own binary around the command line: it gets target systems from the Program",
		},
		{
			Packages: []string{"lambda/handler/..."},
			Own:      []string{"core", "core/plan", "core/run", "core/template", "core/config", "core/filestore", "dynamo", "events", "internal/app/...", "internal/awsclient", "internal/source", "internal/notify"},
			Third:    []string{awsLambda, awsSDK, awsSmithy},
			Why:      "users compile their own function around the handler: it gets target systems from the Program",
		},
		{
			Packages: []string{"container"},
			Own:      []string{"core", "container/cli", "targets/all", "targets/aws"},
			Why:      "a main is one call with a Program",
		},
		{
			Packages: []string{"lambda", "lambda/aws"},
			Own:      []string{"core", "lambda/handler", "targets/all", "targets/aws"},
			Why:      "a main is one call with a Program",
		},
		{
			Packages: []string{failpoints},
			Why:      "what stands anywhere needs the standard library only",
		},
		{
			Packages: []string{"internal/badinput"},
			Own:      []string{"core", "core/targettest", "container/cli"},
			ForTests: true,
			Why:      "bad input goes through the command line, and knows no target system",
		},
		{
			Packages: []string{"internal/testreport", "internal/conformance"},
			Own:      []string{"internal/gotest"},
			Why:      "what prints the results of tests reads those of go test, with the standard library only",
		},
		{
			Packages: []string{"internal/layers", "internal/gotest", "lambda/zip", "container/image"},
			Why:      "the tools of the build need the standard library only",
		},
		{
			Packages: []string{"internal/testserver", "internal/standstill"},
			ForTests: true,
			Why:      "what tests have in common that make servers, or wait for leases, needs the standard library only",
		},
		{
			Packages: []string{"internal/pgtest"},
			Own:      []string{"internal/testserver"},
			Third:    []string{"github.com/jackc/pgx/..."},
			ForTests: true,
			Why:      "the maker of PostgreSQL servers for tests knows the driver",
		},
		{
			Packages: []string{"internal/mysqltest"},
			Own:      []string{"internal/testserver"},
			Third:    []string{"github.com/go-sql-driver/mysql/..."},
			ForTests: true,
			Why:      "the maker of MariaDB and MySQL servers for tests knows the driver",
		},
		{
			Packages: []string{"internal/mongotest"},
			Third:    []string{"go.mongodb.org/mongo-driver/..."},
			ForTests: true,
			Why:      "the maker of MongoDB servers for tests knows the driver",
		},
		{
			Packages: []string{"internal/awstest"},
			Third:    []string{awsSDK},
			ForTests: true,
			Why:      "the finder of AWS simulators for tests knows the SDK's configuration",
		},
		{
			Packages: []string{"chaos/process/job"},
			Own:      []string{"core", "container/cli", "targets/*"},
			Why:      "the binary that is killed is a user's: one call with a Program",
		},
		{
			Packages: []string{"chaos/sim"},
			Why:      "tests only: of the Runner, in virtual time",
		},
		{
			Packages: []string{"chaos/process"},
			Why:      "tests only: of processes that are killed",
		},
		{
			Packages: []string{"chaos/disturb", "chaos/soak"},
			Own:      []string{"core", "core/run", "core/filestore", "dynamo", "targets/*", "internal/app/...", "internal/awstest", "internal/pgtest", "internal/standstill", "internal/failpoint", "container/cli", "chaos/report"},
			Third:    []string{anyModule},
			ForTests: true,
			Why:      "disturbances run the command line and the Runner against real servers",
		},
		{
			Packages: []string{"chaos/report", "chaos/mutants"},
			Why:      "tools of the tests need the standard library only",
		},
		{
			Packages: []string{"chaos/states"},
			Own:      []string{"core", "core/plan"},
			Why:      "the diagram is computed from the decision table",
		},
		{
			Packages: []string{"chaos/cmd/*"},
			Own:      []string{"chaos/report", "chaos/mutants"},
			Why:      "a tool starts tests and prints what they say",
		},
		{
			Packages: []string{"infra", "container/imagetest"},
			Why:      "tests only: of the template, of the container image",
		},
		{
			Packages: []string{"localstack-tests/..."},
			Own:      []string{"..."},
			Third:    []string{anyModule},
			ForTests: true,
			Why:      "tests against real endpoints may know everything",
		},
		{
			Packages: []string{"chaos/linear"},
			Own:      []string{"core"},
			Third:    []string{"github.com/anishathalye/porcupine"},
			ForTests: true,
			Why:      "the check of histories knows core and porcupine; the stores and Runners come from its tests",
		},
		{
			Packages: []string{"examples/..."},
			Own:      []string{"core", "core/run", "core/template", "core/filestore", "dynamo", "targets/*", "container/cli", "lambda/handler"},
			Third:    []string{anyModule},
			Why:      "an example uses what a user of the module can use",
		},
	},
	Reaches: []Reach{
		{
			From:   []string{"core/..."},
			Except: []string{"core/filestore/...", "core/storetest", "core/targettest", "core/changetest"},
			Never:  append([]string{"dynamo/...", "targets/...", "internal/..."}, drivers...), Allowed: []string{failpoints},
			Why: "nothing under core reaches an SDK or a driver, core/filestore's database aside",
		},
		{
			From:  []string{"core/run"},
			Never: []string{"core/filestore/...", yamlLibrary, fileLock},
			Why:   "a user who imports core/run gets no database and no file format with it",
		},
		{
			From:  []string{"core/filestore/..."},
			Never: []string{"dynamo/...", "targets/...", "internal/...", awsSDK, "go.opentelemetry.io/..."}, Allowed: []string{failpoints},
			Why: "the embedded audit store brings SQLite and nothing else",
		},
		{
			From:   []string{"targets/*/..."},
			Except: []string{"targets/all", "targets/aws"},
			Never:  []string{"core/run", "core/filestore/...", "dynamo/...", "internal/app/...", "container/...", "lambda/..."},
			Why:    "a target system does not know who runs it, nor where history is kept",
		},
		{
			From:  []string{"targets/httpapi"},
			Never: []string{awsSDK, awsSmithy, "internal/awsclient"},
			Why:   "targets/httpapi/sigv4 is for those who want signatures of AWS",
		},
		{
			From:  []string{"targets/postgres", "targets/mysql"},
			Never: []string{awsSDK, awsSmithy, "internal/awsclient"},
			Why:   "it brings its driver only; its package rdsauth is for those who want IAM tokens",
		},
		{
			From:  []string{"dynamo/..."},
			Never: []string{"targets/...", "core/filestore/...", "internal/app/..."},
			Why:   "an audit store does not know target systems",
		},
		{
			From:  []string{"internal/app/...", "container", "lambda", "lambda/aws"},
			Never: []string{"go.opentelemetry.io/otel/sdk/...", "go.opentelemetry.io/otel/exporters/..."},
			Why:   "telemetry's SDK and exporters are for those who ask for them, with the build tag otel",
		},
		{
			From:  []string{"internal/app/...", "container/cli/...", "lambda/handler/..."},
			Never: []string{"targets/..."},
			Why:   "whoever compiles a program of their own must not get target systems they did not choose",
		},
	},
}
