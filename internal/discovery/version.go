package discovery

import (
	"slices"
	"strconv"
	"strings"
)

// neededMonitoringAgent is the oldest version of the Microsoft Monitoring Agent that the original's documents permit on the gateway
// (Microsoft: Connect computers without internet access by using the Log Analytics gateway, "Download the Log Analytics gateway").
const neededMonitoringAgent = "8.0.10900.0"

// isOlder reports whether a version of up to four numbers is older than another one. One that cannot be read is not.
func isOlder(version, than string) bool {
	a, ok := numbersOf(version)
	b, _ := numbersOf(than)
	return ok && slices.Compare(a, b) < 0
}

func numbersOf(version string) (numbers []int, ok bool) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	for len(numbers) < 4 {
		numbers = append(numbers, 0)
	}
	return numbers, true
}
