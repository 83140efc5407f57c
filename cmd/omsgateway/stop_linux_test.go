package main_test

import (
	"os"
	"os/exec"
	"syscall"
)

// stoppable readies a program that is about to start for askToStop.
func stoppable(*exec.Cmd) {}

// askToStop asks a program to stop, as a service manager does.
func askToStop(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

func onWine() bool { return false }
