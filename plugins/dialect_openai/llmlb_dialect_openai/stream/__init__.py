"""Streams of servers that speak OpenAI's API, read while they pass: one file per form."""
