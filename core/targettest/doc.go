// Package targettest proves that a target system keeps the contract of core.Target
// and core.TxTarget, as section 3.3 of docs/design.md has it. Every target system
// passes it; its own tests add only what is its own.
//
//	func TestConformance(t *testing.T) {
//		targettest.Run(t, targettest.Harness{Tx: true, New: func(t testing.TB) targettest.System {
//			path := filepath.Join(t.TempDir(), "app.db")
//			return targettest.System{
//				Open:   func() core.Target { return open(t, path) },
//				Create: func(name string) core.StepPair { … CREATE TABLE …, DROP TABLE … },
//				Ensure: func(name string) core.Step { … CREATE TABLE IF NOT EXISTS … },
//				Effect: func(t testing.TB, name string) bool { … },
//			}
//		}})
//	}
//
// Most cases run changes through the Runner of core/run, with the audit store of
// core/memstore, so that the target system is asked what a run asks it, in that
// order; the others call it directly. A process that dies is a goroutine that ends
// in the middle of a run, without anybody recording anything for it, and whose
// handle on the system is closed. A successor knows at once that it is dead, so
// that no lease has to pass.
//
// # What a case needs
//
// A Harness says what the target system is able to do. A case that needs more says
// so and is skipped: "does not apply: …". The case "contract/the harness tells the
// truth" fails when the target system can do more or less than the Harness says.
//
// # What is not proven
//
// A server that dies while it commits, a network that delivers a COMMIT late, the
// power going out: that takes the server itself, and is every target system's own,
// as are the texts of errors and whatever its templates mean.
//
// The package's own tests prove that the suite can fail: for every rule there is a
// target system that breaks it, and the case that must notice.
package targettest
