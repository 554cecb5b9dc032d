package linear

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// ViolationError says that no order of the requests explains their answers.
type ViolationError struct {
	Requests int
	model    porcupine.Model
	info     porcupine.LinearizationInfo
}

func (e *ViolationError) Error() string {
	return fmt.Sprintf("the history of %d requests is not linearizable: no order of them explains their answers", e.Requests)
}

// Hint says what to do.
func (e *ViolationError) Hint() string {
	return "draw it with Draw: the page shows the longest orders that were found, and the request at which each of them ends"
}

// Draw writes the history to the file at path, as a page for a browser.
func (e *ViolationError) Draw(path string) error {
	if err := porcupine.VisualizePath(e.model, e.info, path); err != nil {
		return fmt.Errorf("draw the history: %w", err)
	}
	return nil
}

// UndecidedError says that the time was not enough to find an order, or to find
// that there is none.
type UndecidedError struct {
	Requests int
	Limit    time.Duration
}

func (e *UndecidedError) Error() string {
	return fmt.Sprintf("whether the history of %d requests is linearizable was not decided within %s", e.Requests, e.Limit)
}

// Hint says what to do.
func (e *UndecidedError) Hint() string {
	return "record shorter histories, with fewer lost answers, or allow more time"
}
