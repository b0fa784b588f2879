"""How the demo, the cluster tests and the drills reach a running system: through kubectl and the product's own surfaces."""
