// Command partner is the payment partner of the shop: a small REST service with
// webhooks, so that the example has somebody to talk to.
//
//	go run ./examples/shop/partner -listen 127.0.0.1:8090 -token example-token
//
// It keeps everything in memory.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "the address to listen at")
	token := flag.String("token", "example-token", "the bearer token that callers must have")
	flag.Parse()
	s := &http.Server{Addr: *listen, Handler: newService(*token), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(s.ListenAndServe())
}
