"""A fair queue: callers take turns, whoever sends more waits for their own calls."""
