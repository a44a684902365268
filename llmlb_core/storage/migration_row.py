"""The one table that is nobody's plugin: which migrations were applied."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model


class MigrationRow(Model):
    """One applied migration; Tortoise's own table, made by ``migrations``."""

    id = fields.IntField(primary_key=True)
    app = fields.CharField(max_length=255)
    name = fields.CharField(max_length=255)
    applied_at = fields.DatetimeField()

    class Meta:
        """Of Tortoise."""

        table = "tortoise_migrations"
