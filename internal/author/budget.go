package author

import "time"

// LongestWait is how long a turn waits for a provider that asked for it; beyond that
// the person decides.
const LongestWait = 10 * time.Minute

// Afford says whether one more call is within the day's budgets: calls with this one,
// and tokens of the person and of everybody so far.
func Afford(l Limits, calls int, tokens, all int64) error {
	switch {
	case calls > l.CallsPerDay:
		return troubled(Budget, "It begins anew at midnight UTC. An administrator can raise it under Settings.", "Your %d calls of the model for today are used up.", l.CallsPerDay)
	case tokens > l.TokensPerDay:
		return troubled(Budget, "It begins anew at midnight UTC. An administrator can raise it under Settings.", "Your %d tokens of the model for today are used up.", l.TokensPerDay)
	case all > l.AllPerDay:
		return troubled(Budget, "It begins anew at midnight UTC. An administrator can raise it under Settings.", "The %d tokens that everybody here may use today are used up.", l.AllPerDay)
	}
	return nil
}

// tokensOf guesses the tokens of a text, where the provider does not count them.
func tokensOf(text string) int { return (len(text) + 3) / 4 }
