"""Pytest fixtures, active wherever llmlb-testing is installed."""
