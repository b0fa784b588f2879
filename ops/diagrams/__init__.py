"""`make diagrams`: the state machines of the domain, drawn from its own tables and from walks through its own functions."""
