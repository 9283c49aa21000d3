package profile

import (
	"strconv"
	"strings"
	"time"
)

// isTrue is switch_true of switch_utils.c.
func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "yes", "on", "true", "t", "enabled", "active", "allow":
		return true
	}
	n, err := strconv.Atoi(v)
	return err == nil && n != 0
}

// seconds reads a positive number of seconds, else 0.
func seconds(v string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n <= 0 || n > 1<<30 {
		return 0
	}
	return time.Duration(n) * time.Second
}
