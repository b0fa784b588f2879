"""`make mutation`: plants small bugs in the modules that carry the promise, and asks whether a test notices each."""
