"""Who asks, what they may, how much of it, and what is kept of it."""
