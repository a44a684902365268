"""The table of providers' keys."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Make the table."""

    dependencies = [("core", "m0002_fallbacks")]  # noqa: RUF012  # Tortoise declares it so
    operations = [  # noqa: RUF012  # as above
        ops.CreateModel(
            name="CloudKeyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=36)),
                ("cloud", fields.CharField(max_length=64)),
                ("place", fields.IntField()),
                ("sealed", fields.TextField(unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "cloud_keys", "app": "core", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
