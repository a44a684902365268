"""A toy plugin with tables, written to disk for every test, and a PostgreSQL server for those that want one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest
from attrs import evolve, frozen
from llmlb_testing.postgres import PostgresServer

from llmlb_core import StorageApp
from llmlb_core.settings.sections import Settings, StorageSettings

_ROWS = """
from llmlb_core.storage.rows import Model, fields

class Shelf(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)
    class Meta:
        table = "toy_shelf"

class Book(Model):
    id = fields.IntField(primary_key=True)
    shelf = fields.ForeignKeyField("toy.Shelf", on_delete=fields.CASCADE)
    title = fields.CharField(max_length=50)
    class Meta:
        table = "toy_book"
"""
_INITIAL = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

class Migration(migrations.Migration):
    initial = True
    operations = [
        ops.CreateModel(
            name="Shelf",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(max_length=50)),
            ],
            options={"table": "toy_shelf", "app": "toy", "pk_attr": "id"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Book",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("shelf", fields.ForeignKeyField("toy.Shelf", source_field="shelf_id", db_constraint=True, to_field="id",
                                                 on_delete=fields.CASCADE)),
                ("title", fields.CharField(max_length=50)),
            ],
            options={"table": "toy_book", "app": "toy", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
"""
_LATER = """
import asyncio, os, signal
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

async def act(apps, editor):
{act}

class Migration(migrations.Migration):
    dependencies = [("toy", "{after}")]
    {atomic}
    operations = [
        {operations}
        ops.RunPython(act),
    ]
"""


@frozen
class Toy:
    """A package with rows and migrations that tests write as they like."""

    folder: Path
    package: str

    @property
    def app(self) -> StorageApp:
        return StorageApp("toy", f"{self.package}.rows", f"{self.package}.migrations")

    def rows(self):
        return importlib.import_module(f"{self.package}.rows")

    def add_migration(
        self, name: str, act: str = "pass", *, after: str = "m0001_initial", operations: str = "", atomic: str = ""
    ) -> None:
        """Write a migration that runs *operations*, then the body *act*."""
        body = "\n".join(f"    {line}" for line in dedent(act).strip().splitlines())
        text = _LATER.format(act=body, after=after, operations=operations, atomic=atomic)
        (self.folder / "migrations" / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    def remove_migration(self, name: str) -> None:
        (self.folder / "migrations" / f"{name}.py").unlink()
        sys.modules.pop(f"{self.package}.migrations.{name}", None)
        importlib.invalidate_caches()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A plugin's tables with one migration applied by nobody yet."""
    package = f"toy_{uuid4().hex[:10]}"
    folder = tmp_path / "packages" / package
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "rows.py").write_text(_ROWS)
    (folder / "migrations" / "__init__.py").touch()
    (folder / "migrations" / "m0001_initial.py").write_text(_INITIAL)
    monkeypatch.syspath_prepend(folder.parent)
    # A migration that a test rewrites within one second must not come from an old .pyc.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Toy(folder, package)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a server whose data directory is not there yet."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def postgres_settings(settings: Settings, postgres_server: PostgresServer) -> Settings:
    """Settings that name an empty PostgreSQL database."""
    return evolve(settings, storage=StorageSettings(database_url=postgres_server.create_database()))
