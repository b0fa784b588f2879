"""kitesim."""
