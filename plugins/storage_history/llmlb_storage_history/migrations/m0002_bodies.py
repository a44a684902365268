"""The table of bodies; it stays empty unless the settings ask for them."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_TABLE = "storage_history_bodies"


class Migration(migrations.Migration):
    """Make the table. The index holds all that is asked when old ones are taken out, so that no body is read for it."""

    dependencies = [("storage_history", "m0001_initial")]  # noqa: RUF012  # Tortoise declares it so
    operations = [  # noqa: RUF012  # as above
        ops.CreateModel(
            name="BodyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("started_at", fields.BigIntField()),
                ("size_bytes", fields.BigIntField()),
                ("policy", fields.TextField(unique=False)),
                ("is_request_cut", fields.BooleanField()),
                ("is_answer_cut", fields.BooleanField()),
                ("request_body", fields.TextField(unique=False)),
                ("answer_body", fields.TextField(unique=False)),
            ],
            options={"table": _TABLE, "app": "storage_history", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.RunSQL(f"CREATE INDEX {_TABLE}_by_time ON {_TABLE} (started_at, id, size_bytes)"),
    ]
