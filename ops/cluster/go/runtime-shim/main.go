// Runtime-shim stands between Docker and runc where the machine lacks a capability.
//
// kind starts its nodes privileged, and Docker then asks for every capability
// that the kernel knows. Where one of them (CAP_SYS_RESOURCE, usually) is not in
// the bounding set, runc refuses with "unable to apply caps: operation not
// permitted", and kind has no option to ask for less. So the shim removes, from
// what Docker asks for, exactly the names that cannot be granted, and then
// becomes the real runc with unchanged arguments.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The order of the kernel's capability numbers (include/uapi/linux/capability.h).
var names = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID
SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER
SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE
SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN
SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

func main() {
	if file, isBundle := processFile(os.Args[1:]); file != "" {
		if err := limit(file, isBundle); err != nil {
			fmt.Fprintln(os.Stderr, "runtime-shim:", err)
			os.Exit(1)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtime-shim: the real runc is not on PATH:", err)
		os.Exit(1)
	}
	err = syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, "runtime-shim:", err)
	os.Exit(1)
}

// processFile finds the file that carries the capabilities asked for, if the command has one.
func processFile(arguments []string) (file string, isBundle bool) {
	command, bundle, process := "", ".", ""
	for i, argument := range arguments {
		name, value, joined := strings.Cut(argument, "=")
		if !joined && i+1 < len(arguments) {
			value = arguments[i+1]
		}
		switch name {
		case "create", "run", "exec":
			if command == "" {
				command = name
			}
		case "--bundle", "-b":
			bundle = value
		case "--process", "-p":
			process = value
		}
	}
	switch command {
	case "create", "run":
		return filepath.Join(bundle, "config.json"), true
	case "exec":
		return process, false
	}
	return "", false
}

// limit rewrites the file without the capabilities that this process could not pass on.
func limit(file string, isBundle bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber() // limits are 64 bit and would lose digits as floating point numbers
	if err := decoder.Decode(&document); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	process := document
	if isBundle {
		process, _ = document["process"].(map[string]any)
	}
	sets, _ := process["capabilities"].(map[string]any)
	bounding, err := boundingSet()
	if err != nil {
		return err
	}
	for set, asked := range sets {
		list, _ := asked.([]any)
		kept := []any{}
		for _, name := range list {
			if text, _ := name.(string); bounding[text] {
				kept = append(kept, name)
			}
		}
		sets[set] = kept
	}
	text, err = json.Marshal(document)
	if err != nil {
		return err
	}
	aside := file + ".limited"
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		return err
	}
	return os.Rename(aside, file)
}

// boundingSet names the capabilities that this process may still grant.
func boundingSet() (map[string]bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "CapBnd:"); found {
			bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			granted := map[string]bool{}
			for number, name := range names {
				granted["CAP_"+name] = bits&(1<<number) != 0
			}
			return granted, err
		}
	}
	return nil, fmt.Errorf("/proc/self/status names no bounding set")
}
