package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// account is who a phone registers as.
type account struct{ user, password string }

const maxAccounts = 100_000

// readAccounts reads "1000-1019", "alice,bob" or "@FILE", whose lines are a user and its password.
func readAccounts(s, password string) ([]account, error) {
	if name, ok := strings.CutPrefix(s, "@"); ok {
		return readAccountFile(name, password)
	}
	var all []account
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		from, to, isRange := strings.Cut(part, "-")
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		switch {
		case part == "":
			return nil, errors.New("an empty name")
		case !isRange || errA != nil || errB != nil:
			all = append(all, account{part, password})
		case b < a || b-a >= maxAccounts:
			return nil, fmt.Errorf("%s is no range of at most %d users", part, maxAccounts)
		default:
			for n := a; n <= b; n++ {
				all = append(all, account{fmt.Sprintf("%0*d", len(from), n), password})
			}
		}
	}
	return all, nil
}

func readAccountFile(name, password string) ([]account, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []account
	lines := bufio.NewScanner(f)
	for lines.Scan() && len(all) < maxAccounts {
		switch fields := strings.Fields(lines.Text()); len(fields) {
		case 0:
		case 1:
			all = append(all, account{fields[0], password})
		default:
			all = append(all, account{fields[0], fields[1]})
		}
	}
	if len(all) == 0 && lines.Err() == nil {
		return nil, errors.New(name + " names nobody")
	}
	return all, lines.Err()
}
