"""Request bodies, read whole and checked."""
