"""Post-close: once the market has closed, what the day leaves behind is written down, sealed, and proved to be readable again."""
