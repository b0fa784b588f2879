"""The operator as a process: settings, logging, wiring, HTTP."""
