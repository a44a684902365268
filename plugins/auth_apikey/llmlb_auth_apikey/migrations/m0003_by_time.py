"""The order in which keys are read."""

from __future__ import annotations

from tortoise import migrations
from tortoise.migrations import operations as ops

_TABLE = "auth_apikey_keys"


class Migration(migrations.Migration):
    """Add the index that pages of keys are cut by, so that no page is sorted."""

    dependencies = [("auth_apikey", "m0002_limits")]  # noqa: RUF012  # Tortoise declares it so
    operations = [ops.RunSQL(f"CREATE INDEX {_TABLE}_by_time ON {_TABLE} (created_at, id)")]  # noqa: RUF012
