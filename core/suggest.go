package core

// DidYouMean returns the end of a message about the unknown name got: the nearest
// of the known names, or a list of them. It begins with "; " or is empty.
func DidYouMean(got string, known []string) string { return didYouMean(got, known) }
