"""``llmlb keys``."""

from __future__ import annotations

import click


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""
