package s3

import (
	"strings"
	"testing"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/awstarget/awstargettest"
)

func TestDoes(t *testing.T) {
	const bucket, object = "template: s3-bucket\napply: ", "template: s3-object\napply: "
	sum, key := strings.Repeat("0", 64), strings.Repeat("k", 1000)
	awstargettest.Does(t, Type(), New("assets", nil), map[string]string{
		bucket + "{ create: { bucket: assets } }": "creates bucket assets",
		bucket + "{ create: { bucket: '${env:B}', versioning: enabled, lifecycle: [{ id: a, abortUploadsAfterDays: 3 }], tags: { a: canary }, policy: { Version: canary } } }": "creates bucket ${env:B} with lifecycle, policy, tags and versioning",
		bucket + "{ update: { bucket: assets, versioning: suspended, remove: [policy, cors], removeTags: [a] } }":                                                              "updates bucket assets: sets versioning, removes policy and cors, removes tags a",
		bucket + "{ delete: { bucket: assets } }": "deletes bucket assets if it is empty",

		object + "{ put: { bucket: shop-assets, key: a/b, content: canary, metadata: { a: canary }, tags: { a: canary } } }":             "puts object a/b (6 bytes) into bucket shop-assets if it is not there",
		object + "{ put: { bucket: shop-assets, key: a/b, content: x, contentType: text/plain, replace: true } }":                        "puts object a/b (1 byte, text/plain) into bucket shop-assets, replacing what is there",
		object + "{ put: { bucket: shop-assets, key: a/b, content: '" + strings.Repeat("canary", 200) + "', contentType: text/plain } }": "puts object a/b (1.2 kB, text/plain) into bucket shop-assets if it is not there",
		object + "{ put: { bucket: shop-assets, key: a/b, content: canary, ifMatch: canary } }":                                          "puts object a/b (6 bytes) into bucket shop-assets, replacing what has the given ETag",
		object + "{ put: { bucket: shop-assets, key: a/b, base64: Y2FuYXJ5 } }":                                                          "puts object a/b (6 bytes) into bucket shop-assets if it is not there",
		object + "{ put: { bucket: shop-assets, key: a/b, content: 'canary ${env:C}' } }":                                                "puts object a/b (content from references) into bucket shop-assets if it is not there",
		object + "{ put: { bucket: shop-assets, key: logo, file: logo.svg, sha256: '" + sum + "', contentType: image/svg+xml } }":        "puts object logo (file logo.svg, image/svg+xml) into bucket shop-assets if it is not there",
		object + "{ put: { bucket: shop-assets, key: '" + key + "', content: canary } }":                                                 "puts object " + core.Cap(key, maxKey) + " (6 bytes) into bucket shop-assets if it is not there",
		object + `{ put: { bucket: shop-assets, key: "a\e[2J\nb", content: canary } }`:                                                   "puts object a\uFFFD[2J b (6 bytes) into bucket shop-assets if it is not there",
		object + "{ delete: { bucket: shop-assets, key: a/b } }":                                                                         "deletes object a/b from bucket shop-assets",
		object + "{ delete: { bucket: shop-assets, key: a/b, ifMatch: canary } }":                                                        "deletes object a/b from bucket shop-assets if it has the given ETag",
	})
}
