// Pause holds a pod's namespaces open and reaps what is orphaned into it.
//
// Every pod sandbox runs it as its first process. It must end on SIGTERM and
// SIGINT, otherwise each pod's removal would wait for its full grace period.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		// One signal may stand for several children, so reap until none is left.
		for {
			if reaped, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || reaped <= 0 {
				break
			}
		}
	}
}
