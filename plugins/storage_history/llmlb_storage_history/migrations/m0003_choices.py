"""Why an endpoint was chosen, and what was tried before it."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Add both; NULL = unknown, as of calls before this."""

    dependencies = [("storage_history", "m0002_bodies")]  # noqa: RUF012  # Tortoise declares it so
    operations = [  # noqa: RUF012  # as above
        ops.AddField("RequestRow", "choice_reason", fields.TextField(null=True)),
        ops.AddField("RequestRow", "failed_attempts", fields.TextField(null=True)),
    ]
