package web

import "joinery/internal/fault"

// alongside begins what a page needs beside what it reads meanwhile, and gives how to
// wait for it. Where the machine is busy each answer of the database costs a turn of
// the processor, so those that do not need each other are waited for together.
func alongside[T any](read func() (T, error)) func() (T, error) {
	type answer struct {
		value T
		err   error
	}
	come := make(chan answer, 1) // nobody may be waiting any more
	go func() {
		var a answer
		defer func() {
			if recover() != nil {
				a.err = fault.New(fault.Internal, "A part of this page failed on our side.")
			}
			come <- a
		}()
		a.value, a.err = read()
	}()
	return func() (T, error) {
		a := <-come
		come <- a
		return a.value, a.err
	}
}
