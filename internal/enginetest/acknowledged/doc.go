// Package acknowledged holds what is kept of units and jobs that were acknowledged before a crash.
//
// [Work] writes units of several records, events, numbers and a job, and does the jobs, each of which has
// an effect; it says what it starts and what was acknowledged. Whoever breaks it off, by killing its process
// or its server or by cutting the power, gives what was heard by then ([Heard]) and what is in the store now
// ([Look]) to [Found.Problems]: every acknowledged unit must be there and whole, no other may be half there,
// and at the end every job must have had its effect once.
//
// A [Fault] has Work make a mistake on purpose, so that a test can show that it would be found.
package acknowledged
