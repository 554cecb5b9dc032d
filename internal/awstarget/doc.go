// Package awstarget is what target systems that are services of AWS have in common:
// where they are and as whom they are asked ([Settings]), calls that are sent again
// where that does no harm ([Call]), payloads ([Faults], [Expanded], [Document]), and
// the state of a thing that has attributes and tags ([State]).
//
// It knows no service. What may be sent again, and what an answer means, the target
// system says.
package awstarget
