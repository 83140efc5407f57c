package main

import "time"

func (orders) ready() {}

func (orders) stopping(time.Duration) {}
