"""The tables of registered servers, and of what stands in for models.

No foreign keys: rows of a server are removed with it, in one transaction.
"""

from __future__ import annotations

from llmlb_core.storage.rows import Model, fields


class EndpointRow(Model):
    """One server (66555000-D1). NULL = the default; lists are JSON text."""

    id = fields.CharField(max_length=36, primary_key=True)
    name = fields.CharField(max_length=100, unique=True)
    base_url = fields.CharField(max_length=1000)
    # The address in one way of writing it, so that no server is registered twice.
    address = fields.CharField(max_length=1000, unique=True)
    api_key_encrypted = fields.TextField(null=True)
    kind = fields.CharField(max_length=100, null=True)
    is_kind_fixed = fields.BooleanField(default=False)
    max_in_flight = fields.IntField(null=True)
    health_check_interval_secs = fields.FloatField(null=True)
    inference_timeout_secs = fields.FloatField(null=True)
    notes = fields.TextField(null=True)
    capabilities = fields.TextField(null=True)
    overrides = fields.TextField(null=True)
    models = fields.TextField(null=True)
    registered_at = fields.DatetimeField()
    version = fields.IntField(default=1)
    models_listed_at = fields.DatetimeField(null=True)
    # What follows is seen, not said: writing it moves neither the version nor the revision.
    status = fields.CharField(max_length=10, default="pending", db_index=True)
    latency_ms = fields.FloatField(null=True)
    last_seen = fields.DatetimeField(null=True)
    last_error = fields.TextField(null=True)
    error_count = fields.IntField(default=0)
    checked_at = fields.DatetimeField(null=True)
    supports_responses_api = fields.BooleanField(null=True)

    class Meta:
        """Of Tortoise."""

        table = "endpoints"


class EndpointModelRow(Model):
    """One model of one server (66555000-D2), as the server says it."""

    id = fields.IntField(primary_key=True)
    endpoint_id = fields.CharField(max_length=36)
    place = fields.IntField()
    model_id = fields.CharField(max_length=255, db_index=True)
    capabilities = fields.TextField(null=True)
    supported_apis = fields.TextField(null=True)
    context_tokens = fields.BigIntField(null=True)
    owned_by = fields.CharField(max_length=255, default="")
    size_bytes = fields.BigIntField(null=True)
    max_in_flight = fields.IntField(null=True)

    class Meta:
        """Of Tortoise."""

        table = "endpoint_models"
        unique_together = (("endpoint_id", "model_id"),)


class HealthCheckRow(Model):
    """One look at one server (66555000-D3); also servers of the settings file have some."""

    id = fields.BigIntField(primary_key=True)
    endpoint_id = fields.CharField(max_length=150)
    checked_at = fields.DatetimeField(db_index=True)
    success = fields.BooleanField()
    latency_ms = fields.FloatField(null=True)
    error_message = fields.TextField(null=True)
    status_before = fields.CharField(max_length=10)
    status_after = fields.CharField(max_length=10)

    class Meta:
        """Of Tortoise."""

        table = "endpoint_health_checks"


class FallbackRow(Model):
    """What may stand in for one model, by an operator's word; the names are JSON text."""

    model = fields.CharField(max_length=255, primary_key=True)
    names = fields.TextField()

    class Meta:
        """Of Tortoise."""

        table = "model_fallbacks"


class CloudKeyRow(Model):
    """One key of a provider; sealed, so that whoever has the database alone has none."""

    id = fields.CharField(max_length=36, primary_key=True)
    cloud = fields.CharField(max_length=64)
    place = fields.IntField()
    sealed = fields.TextField()
    created_at = fields.DatetimeField()

    class Meta:
        """Of Tortoise."""

        table = "cloud_keys"


class RevisionRow(Model):
    """Counts changes of what operators said, by subject, so that other processes see them by reading one number."""

    subject = fields.CharField(max_length=50, primary_key=True)
    revision = fields.BigIntField()

    class Meta:
        """Of Tortoise."""

        table = "core_revisions"
