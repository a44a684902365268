"""The tables of keys and of their revision."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Make both tables, and the one row that counts changes."""

    initial = True
    operations = [  # noqa: RUF012  # Tortoise declares it so
        ops.CreateModel(
            name="ApiKeyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=36)),
                ("key_hash", fields.CharField(unique=True, max_length=64)),
                ("name", fields.CharField(max_length=100)),
                ("scopes", fields.TextField(null=True, unique=False)),
                ("models", fields.TextField(null=True, unique=False)),
                ("created_by", fields.CharField(null=True, max_length=255)),
                ("created_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField(null=True)),
                ("last_used_at", fields.DatetimeField(null=True)),
            ],
            options={"table": "auth_apikey_keys", "app": "auth_apikey", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RevisionRow",
            fields=[
                ("id", fields.IntField(primary_key=True, unique=True, db_index=True)),
                ("revision", fields.BigIntField()),
            ],
            options={"table": "auth_apikey_revision", "app": "auth_apikey", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.RunSQL("INSERT INTO auth_apikey_revision (id, revision) VALUES (1, 0)"),
    ]
