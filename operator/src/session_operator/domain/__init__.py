"""What the operator decides: pure functions from what is wanted and what is to what is done about it."""
