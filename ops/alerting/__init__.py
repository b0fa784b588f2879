"""The alerts: their rules as data, promtool, and the proof on a real cluster that real faults fire them."""
