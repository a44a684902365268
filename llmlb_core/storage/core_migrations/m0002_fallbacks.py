"""The table of fallback models."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Make the table."""

    dependencies = [("core", "m0001_endpoints")]  # noqa: RUF012  # Tortoise declares it so
    operations = [  # noqa: RUF012  # as above
        ops.CreateModel(
            name="FallbackRow",
            fields=[
                ("model", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=255)),
                ("names", fields.TextField(unique=False)),
            ],
            options={"table": "model_fallbacks", "app": "core", "pk_attr": "model"},
            bases=["Model"],
        ),
    ]
