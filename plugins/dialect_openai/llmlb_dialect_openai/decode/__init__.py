"""Request bodies, read whole and checked: one file per route, and what they share."""
