// Package events turns the raw JSON that a Lambda function is invoked with into a
// typed Trigger: a CodePipeline job, a CodeDeploy or ECS deployment hook, a
// CloudFormation custom resource, an EventBridge event, SQS or SNS messages, a
// Step Functions task token, or a direct request.
//
// What an event is, is told by its exact keys and never by whether it happens to
// decode: Go's decoder takes S3, Kinesis and SNS records for SQS messages. An
// event that is empty, unknown, or looks like two kinds at once is refused with an
// *Error, and nothing of it may be applied.
//
// Events carry live credentials, signed URLs and callback tokens. A Trigger prints
// as its kind and id whatever the verb, what is secret has the type Secret, and
// errors name keys, never values other than a few short words.
//
// The package does not authenticate: a function cannot see who invoked it, and
// every account id, ARN and name in an event is the caller's word. It decides no
// policy either: which ECS stage, which EventBridge source and which ledger are
// acceptable is for its caller to say.
//
// The directory samples has one event of each kind, for tests and for
//
//	sam local invoke -e events/samples/direct.json
package events
