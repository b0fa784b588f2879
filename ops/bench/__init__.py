"""`make bench`: every figure that a document of ours names, measured beside its peer in the same run."""
