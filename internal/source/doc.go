// Package source opens where changes come from: a directory, a zip in S3, or an
// input artifact of a CodePipeline job. Each is an fs.FS for core.Program.Files,
// with the name and version that the audit records.
//
// # Zips
//
// A zip is read whole, within a bound, checked whole, and then served from memory.
// What could be read in two ways is refused, not mended: names with .. or a
// backslash, absolute ones, symbolic links, two names for one file. Every file is
// unpacked once before anything runs, so that a damaged one is found then, and not
// in the middle of a run.
//
// # Not guaranteed
//
// Whoever may write to the bucket may change what is run: sha256 in the
// configuration, or a version id in a bucket that keeps versions, closes that. A
// directory is trusted as it is, with its symbolic links.
package source
