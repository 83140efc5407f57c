package ownaddr

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// subscribe calls change whenever an address comes or goes, from a thread of the system, until it is ended. What Windows calls is never
// given back (windows.NewCallback), and there is one for each gateway of the process.
func subscribe(change func()) (end func(), err error) {
	callback := windows.NewCallback(func(_, _, _ uintptr) uintptr {
		change()
		return 0
	})
	var handle windows.Handle
	if err := windows.NotifyUnicastIpAddressChange(windows.AF_UNSPEC, callback, nil, false, &handle); err != nil {
		return nil, fmt.Errorf("asking NotifyUnicastIpAddressChange: %w", err)
	}
	return func() { _ = windows.CancelMibChangeNotify2(handle) }, nil
}
