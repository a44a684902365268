"""Streams of servers that speak Anthropic's API, read while they pass."""
