package node

import (
	"context"
	"fmt"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/function"
)

// carryOut makes the changes that a function planned, each ensured, recorded and
// undone like that of any node. What is missing is found before anything is changed.
func (c Call) carryOut(ctx context.Context, plan []function.Planned) ([]any, error) {
	changed := []any{}
	if len(plan) == 0 {
		return changed, nil
	}
	dirs, accounts := map[string]connector.Directory{}, map[string]string{}
	for _, p := range plan {
		connection, err := argument(p, 0)
		if err != nil {
			return nil, err
		}
		if dirs[connection] == nil {
			if dirs[connection], err = c.Directory(ctx, connection); err != nil {
				return nil, err
			}
			if accounts[connection], err = c.ownAccount(ctx, dirs[connection], connection); err != nil {
				return nil, err
			}
		}
		if p.Do != "plan.set" {
			group, err := argument(p, 1)
			if err != nil {
				return nil, err
			}
			if _, err := findGroups(ctx, dirs[connection], []string{group}, connection); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range plan {
		connection, _ := argument(p, 0)
		name, err := argument(p, 1)
		if err != nil {
			return nil, err
		}
		did, err := carryOne(ctx, dirs[connection], accounts[connection], p, name)
		if err != nil {
			return nil, err
		}
		if did {
			changed = append(changed, fmt.Sprintf("%s %s %s", p.Do, connection, name))
		}
	}
	return changed, nil
}

func carryOne(ctx context.Context, dir connector.Directory, account string, p function.Planned, name string) (bool, error) {
	switch p.Do {
	case "plan.add_group":
		return dir.EnsureMember(ctx, name, account)
	case "plan.remove_group":
		return dir.EnsureNotMember(ctx, name, account)
	case "plan.set":
		if len(p.Args) != 3 {
			break
		}
		changes, err := dir.UpdateAccount(ctx, account, map[string]any{name: p.Args[2]})
		return len(changes) > 0, err
	}
	return false, fault.New(fault.Invalid, "A function planned %s, which cannot be done.", p.Do)
}

func (c Call) ownAccount(ctx context.Context, dir connector.Directory, connection string) (string, error) {
	a, found, err := dir.FindAccount(ctx, connector.Lookup{Stamp: c.Ref.Stamp()})
	if err != nil {
		return "", err
	}
	if !found {
		return "", fault.New(fault.NotFound, "The function planned changes in %s, and the joiner has no account there yet. Create the account in an earlier step.", connection)
	}
	return a.ID, nil
}

func argument(p function.Planned, i int) (string, error) {
	if i < len(p.Args) {
		if s, ok := p.Args[i].(string); ok && s != "" {
			return s, nil
		}
	}
	return "", fault.New(fault.Invalid, "A function planned %s without saying what.", p.Do)
}
