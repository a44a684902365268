"""Providers behind a prefix: what they are, the keys they take, the endpoints that calls go through."""
