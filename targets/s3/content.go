package s3

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/flamingock/flamingock-go/core"
)

// largest is how much S3 takes in one request.
const largest = 5 << 30

// content is what an object is to hold.
type content struct {
	size int64
	sum  [sha256.Size]byte
	open func() (io.ReadSeekCloser, error)
}

type inMemory struct{ *strings.Reader }

func (inMemory) Close() error { return nil }

func contentOf(data string) *content {
	return &content{int64(len(data)), sha256.Sum256([]byte(data)), func() (io.ReadSeekCloser, error) { return inMemory{strings.NewReader(data)}, nil }}
}

func decode64(text string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}

// content returns what the payload declares. The error is a definite one.
func (w *objectWork) content() (*content, error) {
	p := w.payload.Put
	var c *content
	switch {
	case p.Content != nil:
		c = contentOf(p.Content.Value)
	case p.Base64 != nil:
		data, err := decode64(p.Base64.Value)
		if err != nil {
			return nil, &core.FaultError{Message: "base64: " + err.Error()}
		}
		c = contentOf(string(data))
	default:
		var err error
		if c, err = w.fileContent(p.File.Value); err != nil {
			return nil, err
		}
	}
	if want := p.SHA256.Value; want != "" && hex.EncodeToString(c.sum[:]) != want {
		return nil, w.wrong(fmt.Sprintf("is to have the SHA-256 %s, and what is to be written has %s", want, hex.EncodeToString(c.sum[:])),
			"find out which of both is right: when it is the content, correct sha256, which makes it another change")
	}
	return c, nil
}

// fileContent opens nothing outside of the target's directory.
func (w *objectWork) fileContent(name string) (*content, error) {
	dir := w.c.target.files
	if dir == "" {
		return nil, &core.ConfigError{Key: "targetSystems." + w.c.target.id + ".files", Reason: "is missing, and a change uploads file " + name, Next: "name the directory that holds the files, relative to the configuration"}
	}
	open := func() (io.ReadSeekCloser, error) { return os.OpenInRoot(dir, name) }
	f, err := open()
	if err != nil {
		return nil, &core.ConfigError{Key: "targetSystems." + w.c.target.id + ".files", Reason: "file " + name + " cannot be read", Next: "put it there, or mend the name", Err: err}
	}
	defer f.Close() //nolint:errcheck // it was read, or is given up
	c, h := &content{open: open}, sha256.New()
	if c.size, err = io.Copy(h, f); err != nil {
		return nil, &core.ConfigError{Key: "targetSystems." + w.c.target.id + ".files", Reason: "file " + name + " cannot be read", Next: "see what is wrong with it", Err: err}
	}
	if c.size > largest {
		return nil, w.wrong(fmt.Sprintf("would have %d bytes, and S3 takes %d in one request", c.size, int64(largest)), "upload it by other means")
	}
	h.Sum(c.sum[:0])
	return c, nil
}
