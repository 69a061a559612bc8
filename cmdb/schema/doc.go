// Package schema is the model of a configuration management database as data: classes of configuration items (CIs) with their
// attributes, and the types of relations between them. It is pure: no storage, no clock, no goroutine.
//
// # A model
//
// A [Model] is plain data with a strict JSON form. [Shipped] gives one to begin with, from business services down to racks and
// sites; a host edits it, or writes its own, and calls [Model.Compile], which checks it as a whole, says every fault at once, and
// gives a [Compiled] that any number of goroutines may ask.
//
// A [Class] inherits the attributes of its parent, what is required of them, and the pairs of classes between which relations are
// allowed. A [RelationType] has a name for each direction, and declares which way a failure flows over it and what of it passes;
// [Compiled.Kinds] hands that to package impact, so that no name decides what fails.
//
// # Values
//
// A [Value] is an attribute's value in canonical JSON, so that two values are equal by == exactly when they mean the same.
//
//   - [Compiled.Canonical] takes what a person or a program says of a CI, brings it into the form that its attributes ask for, and
//     checks it: what two sources write differently and mean alike becomes one.
//   - [Compiled.Check] checks alone.
//   - [Compiled.Parse] reads the cell of a table.
//   - [Compiled.Missing] says what a state still needs.
//
// # Lint
//
// A relation that is missing in the model goes unnoticed: the CIs of a class that no impact can reach are simply in no answer.
// [Compiled.Lint] finds such classes, in both directions, and a class says by its [Part] what is meant.
package schema
