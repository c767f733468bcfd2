package engine_test

import "joinery/internal/connector/fake"

type state = fake.State

func change(h *house, f func(*state)) error { return fake.Change(h.dir, f) }
