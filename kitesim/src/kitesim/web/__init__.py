"""HTTP: Kite's routes, the control routes, the page."""
