package bench

// share collects items while earlier flushes are under way and writes each lot at
// once: the baselines' shared commit.
type share[T any] struct {
	in    chan shared[T]
	most  int
	flush func([]*T) error
}

type shared[T any] struct {
	item *T
	done chan error
}

func newShare[T any](lanes, most int, flush func([]*T) error) *share[T] {
	s := &share[T]{in: make(chan shared[T], 4096), most: most, flush: flush}
	for range lanes {
		go s.lane()
	}
	return s
}

func (s *share[T]) lane() {
	for first := range s.in {
		items, done := []*T{first.item}, []chan error{first.done}
	fill:
		for len(items) < s.most {
			select {
			case x := <-s.in:
				items, done = append(items, x.item), append(done, x.done)
			default:
				break fill
			}
		}
		err := s.flush(items)
		for _, d := range done {
			d <- err
		}
	}
}

func (s *share[T]) do(item *T) error {
	d := make(chan error, 1)
	s.in <- shared[T]{item, d}
	return <-d
}
