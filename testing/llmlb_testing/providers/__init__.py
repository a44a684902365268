"""Providers that run on this machine: real servers that check what they are sent strictly, and say what a script tells them."""
