"""The tables of keys."""

from __future__ import annotations

from llmlb_core.storage.rows import Model, fields


class ApiKeyRow(Model):
    """One key. Lists are JSON text; NULL scopes = all (rows older than scopes, 7c0a37e0-F15), NULL models = all."""

    id = fields.CharField(max_length=36, primary_key=True)
    key_hash = fields.CharField(max_length=64, unique=True)
    name = fields.CharField(max_length=100)
    scopes = fields.TextField(null=True)
    models = fields.TextField(null=True)
    created_by = fields.CharField(max_length=255, null=True)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)
    requests_per_minute = fields.IntField(null=True)
    tokens_per_minute = fields.IntField(null=True)

    class Meta:
        """Of Tortoise."""

        table = "auth_apikey_keys"


class RevisionRow(Model):
    """The only row counts changes of keys, so that other processes see them by reading one number."""

    id = fields.IntField(primary_key=True, generated=False)
    revision = fields.BigIntField()

    class Meta:
        """Of Tortoise."""

        table = "auth_apikey_revision"
