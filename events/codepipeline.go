package events

import (
	"encoding/json"
	"time"
)

func decodeCodePipeline(o object) (Trigger, *Error) {
	job := o.object("CodePipeline.job")
	job.at = "job."
	id := job.id("id", 128)
	if err := o.failed(); err != nil {
		return Trigger{}, err
	}
	p, err := readJob(job, id)
	if err != nil {
		// The action would hang if nobody said that its job failed.
		err.Answer = &Trigger{Kind: KindCodePipeline, ID: id, CodePipeline: &CodePipeline{JobID: id}}
		return Trigger{}, err
	}
	return Trigger{Kind: KindCodePipeline, ID: id, CodePipeline: p}, nil
}

func readJob(job object, id string) (*CodePipeline, *Error) {
	data := job.object("data")
	p := &CodePipeline{JobID: id, AccountID: job.id("accountId", 64), ContinuationToken: data.any("continuationToken", 2048)}
	p.Inputs = readArtifacts(data)
	keys := data.optional("artifactCredentials")
	p.Credentials = Credentials{
		AccessKeyID: secret(keys.any("accessKeyId", 256)), SecretAccessKey: secret(keys.any("secretAccessKey", 1024)),
		SessionToken: secret(keys.any("sessionToken", 16<<10)), Expires: keys.milliseconds("expirationTime"),
	}
	if data.has("encryptionKey") {
		k := data.object("encryptionKey")
		p.EncryptionKey = &EncryptionKey{ID: k.id("id", 2048), Type: k.id("type", 64)}
	}
	config := data.object("actionConfiguration").object("configuration")
	if _, ok := config.keys["UserParameters"]; ok {
		var text string
		if json.Unmarshal(config.keys["UserParameters"], &text) != nil {
			config.fail("UserParameters", "must be a text")
		}
		if err := job.failed(); err != nil {
			return nil, err
		}
		// An empty text is not the same as none: it may be a variable without a value.
		r, err := requestIn("UserParameters", text)
		if err != nil {
			err.Next = `write the action's UserParameters as {"flamingock":"v1","operation":"apply"}, or leave them out to apply the configured ledger`
			return nil, err
		}
		p.Request = r
	}
	return p, job.failed()
}

func readArtifacts(data object) []Artifact {
	if !data.has("inputArtifacts") {
		return nil
	}
	var out []Artifact
	for _, a := range data.objects("inputArtifacts", 16) {
		place := a.object("location")
		if kind := place.text("type", 64); kind != "S3" {
			place.fail("type", "must be S3; it is %s", showWord(kind))
		}
		s3 := place.object("s3Location")
		out = append(out, Artifact{
			Name: a.id("name", 255), Revision: a.any("revision", 2048),
			Bucket: s3.text("bucketName", 255), Key: s3.text("objectKey", 2048),
		})
	}
	return out
}

// milliseconds reads a time as AWS writes it here: milliseconds since 1970.
func (o object) milliseconds(key string) time.Time {
	if !o.has(key) {
		return time.Time{}
	}
	var ms int64
	if json.Unmarshal(o.keys[key], &ms) != nil || ms < 0 || ms > 1<<48 {
		o.fail(key, "must be a time in milliseconds")
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
