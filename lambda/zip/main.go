// Command zip puts an executable into a zip of Lambda's shape, as bootstrap at its
// root. The same executable always gives the same bytes: times and owners are fixed.
//
//	go run ./lambda/zip dist/flamingock-lambda-arm64.zip path/to/executable
package main

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"io"
	"log"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: zip FILE.zip EXECUTABLE")
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func write(to, from string) (err error) {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return bundle(out, data)
}

// bundle writes the zip.
func bundle(out io.Writer, executable []byte) error {
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	// The least time that a zip can hold.
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := w.Write(executable); err != nil {
		return err
	}
	return z.Close()
}
