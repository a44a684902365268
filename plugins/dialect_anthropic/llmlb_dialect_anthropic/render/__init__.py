"""Answers, written: plain ones as one object, streams as events."""
