package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// spaceAtStart is the address space that the process had before its first
// request, in bytes: Go reserves 0.6 GiB and more before its first byte.
var spaceAtStart = addressSpace()

// addressSpace is 0 where the system does not tell it by /proc.
func addressSpace() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _, _ := strings.Cut(string(text), " ")
	count, err := strconv.ParseUint(pages, 10, 64)
	if err != nil {
		return 0
	}
	return count * uint64(os.Getpagesize())
}

// confineSpace holds the memory where RLIMIT_DATA does not: gVisor looks at
// RLIMIT_AS alone where memory is mapped, which is how Go gets all of it. Go
// maps its heap in steps of 64 MiB and gives none of it back, so a process may
// come to hold a little less or more than what it maps.
func confineSpace(memory uint64) error {
	if spaceAtStart == 0 {
		return nil
	}
	space := syscall.Rlimit{Cur: spaceAtStart + memory, Max: spaceAtStart + memory}
	return syscall.Setrlimit(syscall.RLIMIT_AS, &space)
}
