package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The limits that we set ourselves.
const (
	maxInit   = 60 * time.Millisecond
	maxZipAWS = 12e6 // bytes
	maxZipAll = 25e6
)

const (
	nothingToDo = `"status":"NO_CHANGES"`
	success     = `"success":true`
)

// measure starts a function several times, in both ways.
func measure(ctx context.Context, o *options, w *world, f function) ([]row, error) {
	p, _, err := startProcess(ctx, w, f)
	if err != nil {
		return nil, err
	}
	if _, err = p.invoke(apply, success); err == nil { // it applies the changes, or finds them applied
		_, err = p.invoke(apply, nothingToDo)
	}
	if err := errors.Join(err, p.stop()); err != nil {
		return nil, err
	}
	var initial, cold, warm, handler, emulated, emulatedWarm, memory series
	for range o.runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := one(ctx, o, w, f, &initial, &cold, &warm, &memory); err != nil {
			return nil, err
		}
		if err := oneEmulated(ctx, o, w, f, &handler, &emulated, &emulatedWarm); err != nil {
			return nil, err
		}
	}
	rows := []row{
		{"from the start of the process until it asks for work", initial, inMillis, float64(maxInit)},
		{"first invocation of it, nothing to do", cold, inMillis, 0},
		{"later invocations, nothing to do", warm, inMillis, 0},
		{"under the emulator: from the event until the handler begins, with the start of the process", handler, inMillis, float64(maxInit)},
		{"under the emulator: cold invocation, nothing to do, with the start of the process", emulated, inMillis, 0},
		{"under the emulator: warm invocation, nothing to do", emulatedWarm, inMillis, 0},
		{"peak memory of the process", memory, inMebi, 0},
	}
	for i := range rows {
		rows[i].name = f.name + ": " + rows[i].name
	}
	return rows, nil
}

// one is a process, invoked by us.
func one(ctx context.Context, o *options, w *world, f function, initial, cold, warm, memory *series) (err error) {
	p, took, err := startProcess(ctx, w, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	initial.add(float64(took))
	for i := range o.warm + 1 {
		took, err := p.invoke(apply, nothingToDo)
		if err != nil {
			return err
		}
		if i == 0 {
			cold.add(float64(took))
		} else {
			warm.add(float64(took))
		}
	}
	peak, err := p.peak()
	memory.add(float64(peak))
	return err
}

// oneEmulated is a process that the emulator starts when it is invoked.
func oneEmulated(ctx context.Context, o *options, w *world, f function, handler, cold, warm *series) (err error) {
	e, err := startEmulator(ctx, o, w, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	for i := range o.warm + 1 {
		began, took, err := e.invoke(ctx, apply, nothingToDo)
		if err != nil {
			return err
		}
		if i > 0 {
			warm.add(float64(took))
			continue
		}
		cold.add(float64(took))
		select {
		case at := <-e.first:
			handler.add(float64(at.Sub(began)))
		case <-time.After(time.Second):
			return errors.New("the handler wrote no " + firstLine)
		}
	}
	return nil
}

// sizes are those of the zips.
func sizes(functions []function) []row {
	var rows []row
	for _, f := range functions {
		limit := maxZipAll
		if f.name == "aws" {
			limit = maxZipAWS
		}
		r := row{name: fmt.Sprintf("%s: zip for %s", f.name, f.arch), unit: inMega, limit: limit}
		if n, err := sizeOf(f.zip); err == nil { // it was made just now
			r.values.add(float64(n))
		}
		rows = append(rows, r)
	}
	return rows
}
