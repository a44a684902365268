"""``llmlb clouds``: works on the database, whether a server runs or not; a running one uses new keys within seconds."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from llmlb_core.cli.context import CliContext, pass_cli
from llmlb_core.errors import InvalidRequest, RouteNotFound

if TYPE_CHECKING:
    from llmlb_core.house.cloud_office import CloudOffice

T = TypeVar("T")
SOON = "A running server uses it within seconds."

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def clouds() -> None:
    """Show providers behind a prefix of the model's name, and set their keys."""


@clouds.command("list")
@_as_json
@pass_cli
def list_(cli: CliContext, *, as_json: bool) -> None:
    """List providers, their prefixes and whether they have a key."""
    rows = _run(cli, _rows)
    if as_json:
        print(json.dumps({"clouds": rows}, indent=2))
        return
    if not rows:
        print("No provider is there; pip install llmlb-cloud-openai brings one, and [clouds.NAME] in llmlb.toml makes one.")
    for row in rows:
        keys = f"{', '.join(row['keys'])} ({row['key_source']})" if row["keys"] else "no key"
        print(f"{' '.join(row['prefixes']):24} {row['dialect']:10} {keys:32} {row['base_url']}")


@clouds.command("set-key")
@click.argument("name")
@click.option("--add", is_flag=True, help="Keep the keys that are stored, and use this one after them.")
@pass_cli
def set_key(cli: CliContext, *, name: str, add: bool) -> None:
    """Store the key of provider NAME, encrypted; it is asked for, or read from standard input, a key a line.

    Stored keys are stronger than those of settings and of the environment.
    """
    if sys.stdin.isatty():
        given = [click.prompt(f"Key of {name}", hide_input=True)]
    else:
        given = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    if not given:
        _fail(f"No key was given: write it into standard input, such as `llmlb clouds set-key {name} < FILE`.")

    async def store(office: CloudOffice) -> Sequence[str]:
        kept = office.clouds.keys(name) if add and name in office.clouds.all and office.source(name) == "stored" else ()
        await office.set_keys(name, [*kept, *given])
        return office.clouds.keys(name)

    count = len(_run(cli, store))
    print(f"{name} has {count} stored {'key' if count == 1 else 'keys'}. {SOON}")


@clouds.command("remove-keys")
@click.argument("name")
@pass_cli
def remove_keys(cli: CliContext, *, name: str) -> None:
    """Forget the stored keys of provider NAME; those of settings and of the environment count again."""

    async def remove(office: CloudOffice) -> bool:
        await office.set_keys(name, [])
        return bool(office.clouds.keys(name))

    has_other = _run(cli, remove)
    print(f"{name} has no stored key any more{'; one of settings or the environment is used' if has_other else ''}. {SOON}")


async def _rows(office: CloudOffice) -> list[dict[str, Any]]:
    from llmlb_core.house.cloud_office import masked

    return [
        {
            "name": name,
            "prefixes": [f"{prefix}:" for prefix in cloud.prefixes],
            "dialect": cloud.dialect.name,
            "base_url": cloud.base_url,
            "keys": [masked(key) for key in office.clouds.keys(name)],
            "key_source": office.source(name),
        }
        for name, cloud in sorted(office.clouds.all.items())
    ]


def _run(cli: CliContext, work: Callable[[CloudOffice], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        async with _desk(cli) as office:
            return await work(office)

    try:
        return asyncio.run(run())
    except (InvalidRequest, RouteNotFound) as error:
        _fail(error.message)


@asynccontextmanager
async def _desk(cli: CliContext) -> AsyncIterator[CloudOffice]:
    """Open the database as ``serve`` does, and read the keys.

    Raises:
        StartError: The data directory, the database or the settings of a provider are unusable.
    """
    from llmlb_core.clouds.clouds import Clouds
    from llmlb_core.clouds.configured import find_clouds
    from llmlb_core.house.cloud_office import CloudOffice
    from llmlb_core.security.data_dir import prepare_data_dir
    from llmlb_core.storage.core_app import CORE_APP
    from llmlb_core.storage.rows import current_database, database_faults
    from llmlb_core.storage.setup import open_storage
    from llmlb_core.upstream.sweep import Sweep

    registry = cli.host.registry
    prepare_data_dir(cli.settings.data_dir)
    async with open_storage(cli.settings, [CORE_APP]):
        found = find_clouds(cli.settings, registry.clouds, registry.server_dialects, cli.environ)
        office = CloudOffice(Clouds(found, Sweep(asyncio.get_running_loop())), cli.settings.data_dir, current_database())
        try:
            await office.refresh()
            yield office
        except database_faults() as error:
            _fail(f"The database failed ({type(error).__name__}); see 'llmlb db check'.")
        finally:
            await office.close()


def _fail(message: str) -> NoReturn:
    print(f"llmlb: {message}", file=sys.stderr)
    raise SystemExit(1)
