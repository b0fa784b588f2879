"""Settings, wiring, command line, HTTP, logging and telemetry: the only ring that knows all the others."""
