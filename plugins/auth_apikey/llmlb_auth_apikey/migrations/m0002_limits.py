"""What a key may use in a minute."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Add both limits; NULL = none."""

    dependencies = [("auth_apikey", "m0001_initial")]  # noqa: RUF012  # Tortoise declares it so
    operations = [  # noqa: RUF012
        ops.AddField("ApiKeyRow", "requests_per_minute", fields.IntField(null=True)),
        ops.AddField("ApiKeyRow", "tokens_per_minute", fields.IntField(null=True)),
    ]
