"""Pages of the core itself: health, plugins, models on this machine, the queue."""
