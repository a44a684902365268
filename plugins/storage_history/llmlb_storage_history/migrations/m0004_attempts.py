"""What the last attempt has of its own, and where the numbers of tokens come from."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Add the columns; NULL = unknown, as of calls before this, or nothing to tell."""

    dependencies = [("storage_history", "m0003_choices")]  # noqa: RUF012  # Tortoise declares it so
    operations = [  # noqa: RUF012  # as above
        ops.AddField("RequestRow", "last_attempt", fields.TextField(null=True)),
        ops.AddField("RequestRow", "is_usage_counted", fields.BooleanField(null=True)),
        ops.AddField("RequestRow", "is_usage_partial", fields.BooleanField(null=True)),
    ]
