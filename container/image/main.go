// Command image writes the files of the container image that are not the binary, as
// the archive rootfs.tar: certificates of authorities, a user, directories. The same
// input gives the same bytes. container/image/build runs it.
//
//	image [-certificates FILE] ROOTFS.tar
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// bundles are where systems keep certificates of authorities, as crypto/x509 looks
// for them.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Alpine, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/ssl/cert.pem",                                 // macOS, BSDs
}

const (
	passwd = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/flamingock:/sbin/nologin\n"
	group  = "root:x:0:\nnonroot:x:65532:\n"
)

func main() {
	certificates := flag.String("certificates", "", "bundle of certificates in PEM (default: this system's)")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "image: name the archive to write")
		os.Exit(64) //nolint:forbidigo // this is the main
	}
	if err := write(flag.Arg(0), *certificates); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1) //nolint:forbidigo // this is the main
	}
}

func write(path, certificates string) error {
	bundle, err := readBundle(certificates)
	if err != nil {
		return err
	}
	archive, err := rootfs(bundle)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, archive, 0o644)
}

// readBundle reads the named bundle, or the system's.
func readBundle(path string) ([]byte, error) {
	if path != "" {
		return os.ReadFile(path)
	}
	for _, path := range bundles {
		if b, err := os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, errors.New("this system has no certificates of authorities: install ca-certificates, or name a bundle with -certificates")
}

func rootfs(bundle []byte) ([]byte, error) {
	if !bytes.Contains(bundle, []byte("-----BEGIN CERTIFICATE-----")) {
		return nil, errors.New("the bundle of certificates has none in PEM")
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		mode int64
		text []byte // a directory has none
	}{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte(passwd)},
		{"etc/group", 0o644, []byte(group)},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, bundle},
		{"tmp/", 0o1777, nil}, // for SQLite, where the root file system can be written
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.text)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if f.text == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
