"""``llmlb keys``: works on the database, whether a server runs or not; a running one sees the change within seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llmlb_auth_apikey.keys import DEFAULT_EXPIRY_DAYS, MAX_EXPIRY_DAYS, Key, document
from llmlb_core.cli.context import CliContext, pass_cli
from llmlb_core.errors import InvalidRequest

if TYPE_CHECKING:
    from llmlb_auth_apikey.desk import Desk, Wish

T = TypeVar("T")
Command = Callable[..., Any]


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


def _wish_options(command: Command) -> Command:
    for option in (
        click.option("--model", "models", multiple=True, help="Allow this model only; may be repeated. Default: all."),
        click.option("--tpm", type=click.IntRange(min=1), help="Tokens per minute, prompt and answer together. Default: no limit."),
        click.option("--rpm", type=click.IntRange(min=1), help="Requests per minute. Default: no limit."),
        click.option("--never-expires", is_flag=True, help="The key has no end."),
        click.option(
            "--expires-in-days",
            type=click.IntRange(1, MAX_EXPIRY_DAYS),
            help=f"Days until the key ends, default {DEFAULT_EXPIRY_DAYS}.",
        ),
        click.option(
            "--scope",
            "scopes",
            multiple=True,
            default=("api",),
            show_default=True,
            help="api, endpoints or admin; may be repeated.",
        ),
    ):
        command = option(command)
    return command


@keys.command()
@click.option("--name", default="default", show_default=True, help="A name for people, 1 to 100 characters.")
@_wish_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@pass_cli
def create(cli: CliContext, *, name: str, as_json: bool, **wished: Any) -> None:
    """Make a key and print it; it is shown this once."""
    wish = _wish(name, **wished)
    key, secret = _run(cli, lambda desk: desk.create(wish))
    if as_json:
        click.echo(json.dumps({**document(key), "key": secret}, ensure_ascii=False))
    else:
        click.echo(secret)
        click.echo(f"Key '{key.name}' ({', '.join(sorted(key.scopes))}), expires {_end(key)}. It is not shown again.", err=True)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@pass_cli
def list_(cli: CliContext, *, as_json: bool) -> None:
    """Show all keys, never the key itself."""
    found = _run(cli, lambda desk: desk.all())
    if as_json:
        click.echo(json.dumps({"api_keys": [document(key) for key in found]}, ensure_ascii=False))
    elif not found:
        click.echo("No keys yet; 'llmlb keys create' makes one.")
    else:
        rows = [("ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED")]
        rows += [
            (key.id, key.name, ",".join(sorted(key.scopes)), _day(key.created_at), _end(key), _day(key.last_used_at))
            for key in found
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@keys.command()
@click.argument("id_or_name")
@pass_cli
def revoke(cli: CliContext, id_or_name: str) -> None:
    """Delete a key, named by its id or its name."""
    key = _run(cli, lambda desk: desk.revoke(id_or_name))
    click.echo(f"Revoked '{key.name}' ({key.id}). A running server refuses it within seconds.")


@keys.command()
@click.option("--name", default="first", show_default=True, help="Name of the key, where one is made.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where it is kept; absent = first_key in the data directory.",
)
@_wish_options
@pass_cli
def ensure(cli: CliContext, *, name: str, path: Path | None, **wished: Any) -> None:
    """Print the key in FILE where it is still good, else make one and keep it there, readable by you only."""
    wish = _wish(name, **wished)
    file = path or cli.settings.data_dir / "first_key"
    click.echo(_run(cli, lambda desk: desk.ensure(wish, file)))


def _wish(
    name: str,
    *,
    scopes: tuple[str, ...],
    models: tuple[str, ...],
    expires_in_days: int | None,
    never_expires: bool,
    rpm: int | None,
    tpm: int | None,
) -> Wish:
    from llmlb_auth_apikey.desk import Wish

    if never_expires and expires_in_days is not None:
        raise click.UsageError("--never-expires and --expires-in-days exclude one another.")
    days = None if never_expires else expires_in_days or DEFAULT_EXPIRY_DAYS
    try:
        return Wish.checked(name, list(scopes), days, list(models) or None, rpm=rpm, tpm=tpm)
    except InvalidRequest as error:
        raise click.UsageError(error.message) from None


def _run(cli: CliContext, work: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
    from llmlb_auth_apikey.desk import DeskError, open_desk

    async def at_desk() -> T:
        async with open_desk(cli) as desk:
            return await work(desk)

    try:
        return asyncio.run(at_desk())
    except DeskError as error:
        raise click.ClickException(error.message) from None


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _end(key: Key) -> str:
    if key.expires_at is None:
        return "never ⚠"  # d4eb8796-F7c
    return _day(key.expires_at) + (" (expired)" if key.expires_at <= datetime.now(UTC) else "")
