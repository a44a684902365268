"""What keeps secrets secret: tokens, private files, the data directory."""
