"""What drives the decisions: the world as watched, the queue of sessions to look at, the reconciler."""
