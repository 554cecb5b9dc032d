// Package s3 is the target system S3: buckets with their configuration, and objects.
//
// # How a change runs
//
// Always NON_TX: S3 has no transactions. Where S3 takes a condition, a write has one:
// an object is made only where there is none (If-None-Match), and replaced or deleted
// only as it was read (If-Match). A bucket is made with a tag whose value was recorded
// before, so that a bucket of ours is known from one of somebody else.
//
// # Invariants
//
//   - What a change is about to alter is read first and kept in its audit entry, so
//     that `rollback: auto` can put it back. An object that is too large to be kept is
//     altered only where the bucket keeps versions, or when the change says that it need
//     not be kept.
//   - What is neither what the change declares nor what was read is left alone, also by
//     a rollback.
//   - A bucket that holds anything is never deleted, and nothing empties one.
//
// # What is not guaranteed
//
//   - The parts of a bucket's configuration have no version that a write could be
//     conditional on. Each is compared with what was read right before it is written;
//     who writes in between is overwritten.
//   - What got no answer is sent again: all requests have the same effect twice as once.
//     When no answer comes at all, the outcome is unknown, and a late effect is possible.
package s3
