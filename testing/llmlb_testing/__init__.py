"""Contract kits, fakes and fixtures for authors of llmlb plugins."""
