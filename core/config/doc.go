// Package config reads flamingock.yaml, lays the environment and the command
// line's flags over it, and hands target systems their settings. It is the only
// package that reads the environment.
//
// A value comes from, in this order: a flag, the environment, the file, the
// default. The environment variable of a key is FLAMINGOCK_ and the key in
// capitals, its parts joined by _: lock.wait is FLAMINGOCK_LOCK_WAIT,
// auditStore.file is FLAMINGOCK_AUDITSTORE_FILE. Lists are separated by commas,
// and so is metadata, as key=value. A variable that is set but empty counts as
// not set. Stages and target systems are set in the file only.
//
// Paths in the file are relative to the file; those from the environment and from
// flags are relative to the working directory.
//
// # Invariants
//
// Every fault is reported, not the first only, as a *core.ConfigFaults with
// file:line:column or the name of the variable or flag. Unknown keys are faults.
// Load contacts nothing. References such as ${env:NAME} stay as they are written
// until [core.Resolver] is asked for them.
//
// # Not guaranteed
//
// Redaction in [Config.Values] goes by the names of keys and the shape of URLs and
// connection strings: it cannot know that some other literal is a secret. Write
// secrets as references.
package config
