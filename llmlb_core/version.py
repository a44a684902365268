"""The version of llmlb-core, and of the plugin contracts."""

__version__ = "0.1.0"

CONTRACT_VERSION = 1
"""Raised when a hook or contract changes in a way that a plugin can notice."""
