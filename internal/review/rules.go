package review

import (
	"slices"
	"strings"

	"joinery/internal/auth"
	"joinery/internal/fault"
)

// Approve judges one person's yes. hash is the content hash the person saw. Where a
// second reviewer is needed, the first one's yes leaves the review open.
func (r *Review) Approve(by auth.Actor, hash string) error {
	if err := r.decidable(by); err != nil {
		return err
	}
	if slices.Contains(r.Authors, by.UserID) {
		return fault.New(fault.Forbidden, "You wrote part of this change, so another person has to approve it.")
	}
	if hash == "" {
		return fault.New(fault.Invalid, "An approval names the hash of the content that was seen.")
	}
	if hash != r.Hash || r.Head != r.Hash {
		return fault.New(fault.Conflict, "The content is not the one you saw: its hash is %s and not %s. Open the review again and look at what it holds now.", short(r.Hash), short(hash))
	}
	if r.Newer > 0 {
		return fault.New(fault.Conflict, "Revision %d was saved after this one was submitted, so its authors are not done. Let them submit it, or restore this one.", r.Newer)
	}
	for _, c := range r.Checks {
		if !c.Passed {
			return fault.New(fault.Conflict, "The check “%s” is not green: %s", c.Name, c.Detail)
		}
	}
	if err := r.Backtest.MayRelease(); err != nil {
		return err
	}
	if r.Base != r.Live {
		return fault.New(fault.Conflict, "Something else went live after this review was opened, so the difference shown is out of date. Submit the revision again to compare it with what is live now.")
	}
	last, err := r.Second.yes(by.UserID)
	if err != nil {
		return err
	}
	if last {
		r.State = Approved // else it stays open for the second reviewer
	}
	return nil
}

// RequestChanges sends the revision back to its authors.
func (r *Review) RequestChanges(by auth.Actor, comment string) error {
	if err := r.decidable(by); err != nil {
		return err
	}
	if strings.TrimSpace(comment) == "" {
		return fault.New(fault.Invalid, "Say what should change.")
	}
	r.State = ChangesRequested
	return nil
}

// Withdraw closes a review without a decision: by who opened it, an author, or
// whoever may decide reviews.
func (r *Review) Withdraw(by auth.Actor) error {
	if r.State != Open && r.State != ChangesRequested {
		return closed(r.State)
	}
	if by.UserID != r.OpenedBy && !slices.Contains(r.Authors, by.UserID) && !by.Can(auth.ReviewDecide) {
		return fault.New(fault.Forbidden, "Only its authors and reviewers may withdraw a review.")
	}
	r.State = Closed
	return nil
}

func (r *Review) decidable(by auth.Actor) error {
	if by.Lent {
		return fault.New(fault.Forbidden, "This token was made by somebody else than its owner, so it cannot decide for the owner. Let the owner make one.")
	}
	if by.UserID == "" || !by.Can(auth.ReviewDecide) {
		return fault.New(fault.Forbidden, "Deciding a review needs the role reviewer.")
	}
	if r.State != Open {
		return closed(r.State)
	}
	return nil
}

func closed(s State) error {
	switch s {
	case Approved:
		return fault.New(fault.Conflict, "This review is already approved.")
	case ChangesRequested:
		return fault.New(fault.Conflict, "Changes were requested in this review. Save them as a new revision and submit that.")
	}
	return fault.New(fault.Conflict, "This review is closed.")
}

// CheckComment judges the text of a comment.
func CheckComment(text string) error {
	switch n := len(strings.TrimSpace(text)); {
	case n == 0:
		return fault.New(fault.Invalid, "Write the comment first.")
	case n > 10_000:
		return fault.New(fault.Invalid, "A comment may have up to 10,000 characters.")
	}
	return nil
}

// CheckReason judges the reason of a roll-back or a break-glass release.
func CheckReason(text string) error {
	if n := len([]rune(strings.TrimSpace(text))); n < 10 || n > 2000 {
		return fault.New(fault.Invalid, "Give a reason of at least 10 characters: it is read by whoever looks at this release later.")
	}
	return nil
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}
