"""`make demo`: the product's main job on real Kubernetes, told as a story, with an honest exit code."""
