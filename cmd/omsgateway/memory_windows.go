package main

// closeMemory has nothing to do: only administrators, and the account itself, may open a process of Windows.
func closeMemory() {}
