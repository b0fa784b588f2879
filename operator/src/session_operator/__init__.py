"""session_operator."""
