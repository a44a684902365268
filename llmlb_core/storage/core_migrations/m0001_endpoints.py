"""The tables of registered servers, of their models and of their health."""

from __future__ import annotations

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Make the tables, and the row that counts changes."""

    initial = True
    operations = [  # noqa: RUF012  # Tortoise declares it so
        ops.CreateModel(
            name="EndpointRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=36)),
                ("name", fields.CharField(unique=True, max_length=100)),
                ("base_url", fields.CharField(max_length=1000)),
                ("address", fields.CharField(unique=True, max_length=1000)),
                ("api_key_encrypted", fields.TextField(null=True, unique=False)),
                ("kind", fields.CharField(null=True, max_length=100)),
                ("is_kind_fixed", fields.BooleanField(default=False)),
                ("max_in_flight", fields.IntField(null=True)),
                ("health_check_interval_secs", fields.FloatField(null=True)),
                ("inference_timeout_secs", fields.FloatField(null=True)),
                ("notes", fields.TextField(null=True, unique=False)),
                ("capabilities", fields.TextField(null=True, unique=False)),
                ("overrides", fields.TextField(null=True, unique=False)),
                ("models", fields.TextField(null=True, unique=False)),
                ("registered_at", fields.DatetimeField()),
                ("version", fields.IntField(default=1)),
                ("models_listed_at", fields.DatetimeField(null=True)),
                ("status", fields.CharField(default="pending", db_index=True, max_length=10)),
                ("latency_ms", fields.FloatField(null=True)),
                ("last_seen", fields.DatetimeField(null=True)),
                ("last_error", fields.TextField(null=True, unique=False)),
                ("error_count", fields.IntField(default=0)),
                ("checked_at", fields.DatetimeField(null=True)),
                ("supports_responses_api", fields.BooleanField(null=True)),
            ],
            options={"table": "endpoints", "app": "core", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EndpointModelRow",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("endpoint_id", fields.CharField(max_length=36)),
                ("place", fields.IntField()),
                ("model_id", fields.CharField(db_index=True, max_length=255)),
                ("capabilities", fields.TextField(null=True, unique=False)),
                ("supported_apis", fields.TextField(null=True, unique=False)),
                ("context_tokens", fields.BigIntField(null=True)),
                ("owned_by", fields.CharField(default="", max_length=255)),
                ("size_bytes", fields.BigIntField(null=True)),
                ("max_in_flight", fields.IntField(null=True)),
            ],
            options={
                "table": "endpoint_models",
                "app": "core",
                "unique_together": (("endpoint_id", "model_id"),),
                "pk_attr": "id",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="HealthCheckRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("endpoint_id", fields.CharField(max_length=150)),
                ("checked_at", fields.DatetimeField(db_index=True)),
                ("success", fields.BooleanField()),
                ("latency_ms", fields.FloatField(null=True)),
                ("error_message", fields.TextField(null=True, unique=False)),
                ("status_before", fields.CharField(max_length=10)),
                ("status_after", fields.CharField(max_length=10)),
            ],
            options={"table": "endpoint_health_checks", "app": "core", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.RunSQL("CREATE INDEX endpoint_health_checks_by_endpoint ON endpoint_health_checks (endpoint_id, id)"),
        ops.CreateModel(
            name="RevisionRow",
            fields=[
                ("subject", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=50)),
                ("revision", fields.BigIntField()),
            ],
            options={"table": "core_revisions", "app": "core", "pk_attr": "subject"},
            bases=["Model"],
        ),
        ops.RunSQL("INSERT INTO core_revisions (subject, revision) VALUES ('endpoints', 0)"),
    ]
