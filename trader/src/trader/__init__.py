"""trader."""
