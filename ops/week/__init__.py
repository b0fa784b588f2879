"""A trading week on the cluster, in compressed market time: one command, one story, one exit code."""
