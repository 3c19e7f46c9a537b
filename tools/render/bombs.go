//go:build bombs

// With the tag, the program explodes as its argument says, within the limits of
// its first request: what no chart can bring about, the cage must hold too.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

var bombs = map[string]func(){
	"one":        explodeAtOnce,
	"many":       explodeInPieces,
	"maps":       explodeInMaps,
	"goroutines": explodeInGoroutines,
	"stack":      func() { explodeInStack(0) },
}

func init() {
	if len(os.Args) < 2 {
		return
	}
	var req request
	if err := json.NewDecoder(os.Stdin).Decode(&req); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := confine(req.Limits); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	bombs[os.Args[1]]()
	// A bomb that did not go off has rendered to nothing, which no test expects.
	fmt.Println(`{"done":true}`)
	os.Exit(0)
}

// Nothing here is more than a few times a cage, for the sake of a machine
// whose cage does not hold.
const bombBytes = 1 << 30

var held []any

func explodeAtOnce() {
	piece := make([]byte, bombBytes)
	touch(piece)
	held = append(held, piece)
}

func explodeInPieces() {
	for range bombBytes / 4096 {
		piece := make([]byte, 4096)
		touch(piece)
		held = append(held, piece)
	}
}

func explodeInMaps() {
	all := map[string]map[int]int{}
	for name := range bombBytes / 4096 {
		one := map[int]int{}
		for key := range 100 {
			one[key] = name
		}
		all[fmt.Sprint(name)] = one
	}
	held = append(held, all)
}

// explodeInGoroutines fills their stacks: few and large ones, as the collector
// looks at each of many all the time, once memory is short.
func explodeInGoroutines() {
	const stackBytes = 64 << 10
	started := make(chan byte)
	for at := range bombBytes / stackBytes {
		go func() {
			var piece [stackBytes / 2]byte
			touch(piece[:])
			started <- piece[at%len(piece)]
			time.Sleep(time.Hour)
			// Else the compiler does without it.
			started <- piece[at%len(piece)]
		}()
		<-started
	}
}

func explodeInStack(depth int) int {
	var piece [512]byte
	touch(piece[:])
	return explodeInStack(depth+1) + int(piece[depth%512])
}

func touch(piece []byte) {
	for at := 0; at < len(piece); at += 4096 {
		piece[at] = 1
	}
}
