package expr

import (
	"regexp"
	"sync"
)

// mostPatterns bounds what is kept compiled. A flow has a few; patterns that are put
// together from data would come without end.
const mostPatterns = 256

var patterns kept

// kept are compiled patterns; when there are too many, they are all let go.
type kept struct {
	mu  sync.Mutex
	all map[string]*regexp.Regexp
}

// compile gives a compiled pattern; one that is not a regular expression is not kept.
func (k *kept) compile(pattern string) (*regexp.Regexp, error) {
	k.mu.Lock()
	re := k.all[pattern]
	k.mu.Unlock()
	if re != nil {
		return re, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= mostPatterns {
		k.all = make(map[string]*regexp.Regexp, 16)
	}
	k.all[pattern] = re
	return re, nil
}
