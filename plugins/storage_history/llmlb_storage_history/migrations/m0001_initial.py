"""The table of calls, with an index for each way of looking at it."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TABLE = "storage_history_requests"


class Migration(migrations.Migration):
    """Make the table. Every index ends with what pages are cut by, so that no page is sorted."""

    initial = True
    operations = [  # noqa: RUF012  # Tortoise declares it so
        ops.CreateModel(
            name="RequestRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("started_at", fields.BigIntField()),
                ("duration_ms", fields.FloatField()),
                ("first_token_ms", fields.FloatField(null=True)),
                ("queue_ms", fields.FloatField()),
                ("principal", fields.TextField(unique=False)),
                ("operation", fields.TextField(unique=False)),
                ("model", fields.TextField(unique=False)),
                ("endpoint", fields.TextField(unique=False)),
                ("stream", fields.BooleanField()),
                ("status", fields.IntField()),
                ("ending", fields.TextField(unique=False)),
                ("error_code", fields.TextField(null=True, unique=False)),
                ("prompt_tokens", fields.BigIntField(null=True)),
                ("completion_tokens", fields.BigIntField(null=True)),
                ("cached_tokens", fields.BigIntField(null=True)),
                ("attempts", fields.IntField()),
                ("bytes_in", fields.BigIntField()),
                ("bytes_out", fields.BigIntField()),
                ("client_address", fields.TextField(unique=False)),
            ],
            options={"table": _TABLE, "app": "storage_history", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.RunSQL(f"CREATE INDEX {_TABLE}_by_time ON {_TABLE} (started_at, id)"),
        ops.RunSQL(f"CREATE INDEX {_TABLE}_by_model ON {_TABLE} (model, started_at, id)"),
        ops.RunSQL(f"CREATE INDEX {_TABLE}_by_principal ON {_TABLE} (principal, started_at, id)"),
        # Only what is rare: calls that went well are found by time, and cost no entry here.
        ops.RunSQL(f"CREATE INDEX {_TABLE}_by_status ON {_TABLE} (status, started_at, id) WHERE status <> 200"),
    ]
