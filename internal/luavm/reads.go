package luavm

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
)

// reads are what workers read in the latest sources. The same source is asked about
// again and again, while its tests are written, tried and reviewed, and each reading takes
// a worker. They are kept as it said them, so nobody
// shares what another may change; trouble of a worker is not kept.
type reads struct {
	mu     sync.Mutex
	latest []read // the latest first
}

type read struct {
	source [sha256.Size]byte
	said   []byte // an Analysis as JSON
}

// How many readings are kept, and how long one may be, bytes.
const mostReads, longestRead = 32, 128 << 10

func (r *reads) find(source string) (a Analysis, ok bool) {
	is := sha256.Sum256([]byte(source))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, k := range r.latest {
		if k.source == is {
			copy(r.latest[1:i+1], r.latest[:i])
			r.latest[0] = k
			err := json.Unmarshal(k.said, &a)
			return a, err == nil
		}
	}
	return Analysis{}, false
}

func (r *reads) keep(source string, a Analysis) {
	said, err := json.Marshal(a)
	if err != nil || len(said) > longestRead {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := read{sha256.Sum256([]byte(source)), said}
	if slices.ContainsFunc(r.latest, func(o read) bool { return o.source == k.source }) {
		return // another asked at the same time
	}
	r.latest = append([]read{k}, r.latest[:min(len(r.latest), mostReads-1)]...)
}
