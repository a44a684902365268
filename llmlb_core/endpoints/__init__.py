"""Registered servers: what a call can be sent to that is not a model on this machine."""
