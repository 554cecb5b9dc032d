package mongodb_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/flamingock/flamingock-go/core"
	"github.com/flamingock/flamingock-go/internal/mongotest"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings settings
		tx       bool
		fault    string // part of the error at load
	}{
		"one host":                      {settings{"uri": "mongodb://db/app"}, false, ""},
		"one host of a set":             {settings{"uri": "mongodb://db/app?replicaSet=rs0"}, true, ""},
		"several hosts":                 {settings{"uri": "mongodb://a,b,c/app"}, true, ""},
		"by SRV":                        {settings{"uri": "mongodb+srv://cluster.example/app"}, true, ""},
		"said":                          {settings{"uri": "mongodb://db/app", "transactions": true}, true, ""},
		"denied":                        {settings{"uri": "mongodb://a,b/app", "transactions": false}, false, ""},
		"database beside":               {settings{"uri": "mongodb://db", "database": "app"}, false, ""},
		"in the environment":            {settings{"uri": "${env:mongodb://a,b/app}"}, true, ""},
		"a secret, and said":            {settings{"uri": "${vault:x#y}", "database": "app", "transactions": true}, true, ""},
		"a secret":                      {settings{"uri": "${vault:x#y}", "database": "app"}, false, "transactions: is missing"},
		"no uri":                        {settings{"database": "app"}, false, "uri: is missing"},
		"no database":                   {settings{"uri": "mongodb://db"}, false, "database: is missing"},
		"another scheme":                {settings{"uri": "postgres://user:hunter2@db/app"}, false, "uri: cannot be used"},
		"a password that is not quoted": {settings{"uri": "mongodb://user:hunter2/x@db/app"}, false, "uri: "},
		"a password alone":              {settings{"uri": "mongodb://db/app", "password": "hunter2"}, false, "username: is missing"},
	} {
		target, err := newFor(c.settings)
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.fault == "":
			if got := target.Handles().Tx != nil; got != c.tx {
				t.Errorf("%s: transactions %t, want %t", name, got, c.tx)
			}
		case err == nil || !strings.Contains(err.Error(), c.fault) || core.HintOf(err) == "" || core.CodeOf(err) != core.CodeConfigInvalid:
			t.Errorf("%s: got %v, want %q and a next step", name, err, c.fault)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
}

// Ping holds the setting against the server.
func TestPing(t *testing.T) {
	t.Parallel()
	set := bson.D{{Key: "setName", Value: "rs0"}}
	for name, c := range map[string]struct {
		says         bson.D
		transactions any
		fault        string
	}{
		"a replica set":                {set, true, ""},
		"a sharded cluster":            {bson.D{{Key: "msg", Value: "isdbgrid"}}, true, ""},
		"a standalone":                 {bson.D{}, nil, ""},
		"a replica set, without":       {set, false, ""},
		"a replica set, nobody knows":  {set, nil, "transactions: is missing"},
		"a standalone, with":           {bson.D{}, true, "the server is a standalone"},
		"FerretDB as a replica set":    {append(set, bson.E{Key: "ferretdb", Value: bson.D{{Key: "version", Value: "v2"}}}), true, "FerretDB"},
		"FerretDB without them":        {bson.D{{Key: "ferretdb", Value: bson.D{{Key: "version", Value: "v2"}}}}, false, ""},
		"a replica set that denies us": {set, true, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mongotest.NewModel(t)
			m.Says(c.says)
			s := settings{"uri": m.URI(m.Addr(), "app")}
			if c.transactions != nil {
				s["transactions"] = c.transactions
			}
			if strings.HasSuffix(name, "denies us") {
				m.On(func(bson.D) *mongotest.Fault {
					return &mongotest.Fault{Answer: mongotest.Refusal(13, "Unauthorized", "not authorized")}
				})
			}
			err := newTarget(t, s).Ping(context.Background())
			if (err == nil) != (c.fault == "") || err != nil && (!strings.Contains(err.Error(), c.fault) || core.HintOf(err) == "") {
				t.Errorf("got %v, want %q and a next step", err, c.fault)
			}
		})
	}
}

func TestPingOfFerretDB(t *testing.T) {
	t.Parallel()
	uri := standalone.Start(t)
	must(t, newTarget(t, settings{"uri": uri, "database": "app"}).Ping(context.Background()))
	var wrong *core.ConfigError
	if err := newTarget(t, settings{"uri": uri, "database": "app", "transactions": true}).Ping(context.Background()); !errors.As(err, &wrong) {
		t.Errorf("got %v, want a configuration error", err)
	}
}

func TestServerIsAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	must(t, l.Close())
	target := newTarget(t, settings{"uri": "mongodb://" + addr + "/app?serverSelectionTimeoutMS=300"})
	err = target.Ping(context.Background())
	if core.CodeOf(err) != core.CodeUnavailable || core.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

// A user that the server does not take is a matter of the configuration.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	m := mongotest.NewModel(t)
	m.On(func(command bson.D) *mongotest.Fault {
		if command[0].Key == "saslStart" {
			return &mongotest.Fault{Answer: mongotest.Refusal(18, "AuthenticationFailed", "Authentication failed.")}
		}
		return nil
	})
	target := newTarget(t, settings{"uri": m.URI(m.Addr(), "app"), "username": "me", "password": "hunter2"})
	err := target.Ping(context.Background())
	if core.CodeOf(err) != core.CodeConfigInvalid || core.HintOf(err) == "" || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v (%s)", err, core.CodeOf(err))
	}
}
