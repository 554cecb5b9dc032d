package main

import (
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// What is said on a connection, cut where the server answers.
func TestProtocols(t *testing.T) {
	mysql := func(kind byte, text string) string {
		n := len(text) + 1
		return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0, kind}) + text
	}
	postgres := func(kind byte, text string) string {
		return string(kind) + string(binary.BigEndian.AppendUint32(nil, uint32(len(text)+4))) + text
	}
	mongo := func(command, collection string) string {
		head := append(make([]byte, 12), binary.LittleEndian.AppendUint32(nil, 2013)...)
		doc := "\x02" + command + "\x00" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(collection)+1))) + collection + "\x00\x00"
		return string(head) + "\x00\x00\x00\x00" + "\x00" + "\x20\x00\x00\x00" + doc
	}
	for name, tt := range map[string]struct {
		speaks     protocol
		said, want string
	}{
		"HTTP":                             {overHTTP, "PUT /b/k HTTP/1.1\r\nHost: x\r\n\r\nbody", "PUT /b/k"},
		"an operation of AWS, JSON":        {overHTTP, "POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n\r\n{}", "GetItem"},
		"an operation of AWS, query":       {overHTTP, "POST / HTTP/1.1\r\nHost: x\r\n\r\nAction=CreateTopic&Name=x", "CreateTopic"},
		"HTTP/2":                           {overHTTP, "PRI * HTTP/2.0\r\n\r\n", "what is not HTTP/1.1"},
		"MySQL, a statement":               {overMySQL, mysql(3, "COMMIT"), "COMMIT"},
		"MySQL, close, and then prepare":   {overMySQL, mysql(25, "\x01\x00\x00\x00") + mysql(22, "SELECT 1"), "prepare SELECT 1"},
		"MySQL, execute":                   {overMySQL, mysql(23, "\x01\x00\x00\x00"), "execute a prepared statement"},
		"MySQL, half a packet":             {overMySQL, mysql(3, "COMMIT")[:7], ""},
		"MySQL, an empty packet":           {overMySQL, "\x00\x00\x00\x03\x00\x00\x00\x03", ""},
		"PostgreSQL, a statement":          {overPostgres, postgres('Q', "begin\x00"), "begin"},
		"PostgreSQL, prepare":              {overPostgres, postgres('P', "s1\x00SELECT 1\x00\x00\x00") + postgres('S', ""), "prepare SELECT 1"},
		"PostgreSQL, execute":              {overPostgres, postgres('B', "\x00s1\x00") + postgres('E', "\x00\x00\x00\x00\x00") + postgres('S', ""), "execute a prepared statement"},
		"PostgreSQL, half a message":       {overPostgres, postgres('Q', "begin\x00")[:8], ""},
		"MongoDB, a command":               {overMongo, mongo("insert", "orders"), "insert orders"},
		"MongoDB, of the driver's own":     {overMongo, mongo("hello", "x"), ""},
		"MongoDB, not a command's message": {overMongo, strings.Repeat("\x00", 40), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.speaks([]byte(tt.said)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestWireHandsOnAndWritesDown(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append(body, '!'))
	}))
	defer s.Close()
	w, err := newWire(t.Context(), strings.TrimPrefix(s.URL, "http://"), overHTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	kept, single := &http.Client{Transport: &http.Transport{}}, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	defer kept.CloseIdleConnections()
	ask := func(client *http.Client, path string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.addr()+path, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if answer, err := io.ReadAll(resp.Body); err != nil || string(answer) != "hello!" {
			t.Errorf("%q, %v", answer, err)
		}
	}
	ask(kept, "/before")
	w.forget()
	ask(kept, "/plans/17")
	ask(kept, "/plans/18")
	ask(single, "/plans/19")
	if got, want := w.seen(), []string{"POST /plans/#", "POST /plans/#", "on a new connection: POST /plans/#"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRotated(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b []string
		want bool
	}{
		"the same":             {[]string{"a", "b"}, []string{"a", "b"}, true},
		"begun later":          {[]string{"b", "c", "a"}, []string{"a", "b", "c"}, true},
		"in another order":     {[]string{"b", "a", "c"}, []string{"a", "b", "c"}, false},
		"one is missing":       {[]string{"a"}, []string{"a", "a"}, false},
		"nothing on one side":  {nil, []string{"a"}, false},
		"nothing on the other": {[]string{"a"}, nil, false},
		"nothing at all":       {nil, nil, true},
	} {
		if rotated(tt.a, tt.b) != tt.want {
			t.Errorf("%s: %t, want %t", name, !tt.want, tt.want)
		}
	}
}
