"""The core's own tables: registered servers, their models, and how they were."""

from __future__ import annotations

from llmlb_core.contracts.storage import StorageApp

CORE_APP = StorageApp("core", "llmlb_core.storage.endpoint_rows", "llmlb_core.storage.core_migrations")
"""Opened in front of the plugins' apps."""
