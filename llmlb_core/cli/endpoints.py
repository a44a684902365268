"""``llmlb endpoints``: works on the database, whether a server runs or not; a running one sees the change within seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llmlb_core.cli.context import CliContext, pass_cli
from llmlb_core.errors import InvalidRequest

if TYPE_CHECKING:
    from llmlb_core.endpoints.registered import RegisteredEndpoint
    from llmlb_core.house.endpoint_office import EndpointOffice

T = TypeVar("T")
Command = Callable[..., Any]
SOON = "A running server uses it within seconds."

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as /v0/endpoints answers.")


@click.group()
def endpoints() -> None:
    """Register, test and remove servers that calls are sent to."""


def _key_options(command: Command) -> Command:
    for option in (
        click.option("--api-key-file", type=click.Path(path_type=Path), help="File that holds its API key, alone; - = stdin."),
        click.option("--api-key-env", metavar="NAME", help="Environment variable that holds its API key."),
    ):
        command = option(command)
    return command


@endpoints.command()
@click.argument("url")
@click.option("--name", help="What headers, logs and metrics call it; absent: its host and port.")
@_key_options
@click.option("--kind", help="Its kind; absent: it is recognised.")
@click.option("--model", "models", multiple=True, help="A model that it serves; may be repeated. Absent: those that it lists.")
@click.option("--max-in-flight", type=int, help="Calls it takes at a time; absent: what it or its kind says.")
@click.option("--check-interval", type=float, metavar="SECONDS", help="Between two health checks, 10 to 300; absent: 30.")
@click.option("--inference-timeout", type=float, metavar="SECONDS", help="Longest wait for a first token, 10 to 600.")
@click.option("--notes", help="For people.")
@_as_json
@pass_cli
def add(
    cli: CliContext,
    *,
    url: str,
    name: str | None,
    api_key_env: str | None,
    api_key_file: Path | None,
    kind: str | None,
    models: tuple[str, ...],
    max_in_flight: int | None,
    check_interval: float | None,
    inference_timeout: float | None,
    notes: str | None,
    as_json: bool,
) -> None:
    """Register the server at URL, look at it, and list its models."""
    from llmlb_core.cli.endpoints_desk import read_key

    members = {
        "name": name or url.partition("://")[2].partition("/")[0],
        "base_url": url,
        "api_key": read_key(cli, api_key_env, api_key_file),
        "kind": kind,
        "models": list(models) or None,
        "max_in_flight": max_in_flight,
        "health_check_interval_secs": check_interval,
        "inference_timeout_secs": inference_timeout,
        "notes": notes,
    }
    body = {key: value for key, value in members.items() if value is not None}

    async def work(office: EndpointOffice) -> RegisteredEndpoint:
        endpoint = await office.register(body)
        await office.check(endpoint.id)
        return endpoint

    endpoint = _run(cli, work)
    if as_json:
        click.echo(json.dumps(_document(cli, endpoint), ensure_ascii=False))
        return
    click.echo(f"Registered '{endpoint.name}' ({endpoint.id}): {_state(endpoint)}. {SOON}")


@endpoints.command(name="list")
@_as_json
@pass_cli
def list_(cli: CliContext, *, as_json: bool) -> None:
    """List all servers, as they were when they were looked at last."""

    async def work(office: EndpointOffice) -> tuple[RegisteredEndpoint, ...]:
        return office.registry.snapshot.endpoints

    found = _run(cli, work)
    if as_json:
        click.echo(json.dumps({"endpoints": [_document(cli, each) for each in found], "total": len(found)}, ensure_ascii=False))
    elif not found:
        click.echo("No endpoints yet; 'llmlb endpoints add http://HOST:PORT' registers one.")
    else:
        rows: list[tuple[str, ...]] = [("NAME", "STATUS", "KIND", "MODELS", "LATENCY", "CHECKED", "URL")]
        rows += [_row(each) for each in found]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@endpoints.command()
@click.argument("id_or_name")
@_as_json
@pass_cli
def show(cli: CliContext, id_or_name: str, *, as_json: bool) -> None:
    """Show one server with its models."""
    from llmlb_core.cli.endpoints_desk import one
    from llmlb_core.endpoints.documents import model_documents

    async def work(office: EndpointOffice) -> RegisteredEndpoint:
        return one(office, id_or_name)

    endpoint = _run(cli, work)
    models = model_documents(endpoint.served.values(), endpoint.listed_at)
    document = {**_document(cli, endpoint), "models": models}
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    width = max(map(len, document))
    for key, value in document.items():
        if key != "models":
            click.echo(f"{key.ljust(width)}  {'-' if value is None else value if isinstance(value, str) else json.dumps(value)}")
    for model in models:
        click.echo(f"model {model['model_id']}: {', '.join(model['capabilities'])} (from {model['capabilities_from']})")


@endpoints.command()
@click.argument("id_or_name_or_url")
@_key_options
@_as_json
@pass_cli
def test(cli: CliContext, *, id_or_name_or_url: str, api_key_env: str | None, api_key_file: Path | None, as_json: bool) -> None:
    """Look at a server now: a registered one, or any at a URL; ends with 1 when it is not well."""
    from llmlb_core.cli.endpoints_desk import one, read_key
    from llmlb_core.endpoints.documents import tested_document, trial_document

    key = read_key(cli, api_key_env, api_key_file)
    is_url = "://" in id_or_name_or_url

    async def work(office: EndpointOffice) -> dict[str, Any]:
        if is_url:
            body = {"base_url": id_or_name_or_url, **({} if key is None else {"api_key": key})}
            return trial_document(await office.try_out(body))
        return tested_document(*await office.check(one(office, id_or_name_or_url).id))

    if key is not None and not is_url:
        raise click.UsageError("A key is given for a URL only; a registered server has its own.")
    found = _run(cli, work)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    elif found["success"]:
        info = found["endpoint_info"]
        version = f" {info['version']}" if info["version"] else ""
        took = "" if found["latency_ms"] is None else f" in {found['latency_ms']:.0f} ms"
        click.echo(f"It is well: {info['kind']}{version}, {info['model_count']} models; answered{took}.")
    else:
        click.echo(found["error"])
    if not found["success"]:
        raise click.exceptions.Exit(1)


@endpoints.command()
@click.argument("id_or_name")
@_as_json
@pass_cli
def sync(cli: CliContext, id_or_name: str, *, as_json: bool) -> None:
    """Ask a server for its models now."""
    from llmlb_core.cli.endpoints_desk import one
    from llmlb_core.endpoints.documents import sync_document

    async def work(office: EndpointOffice) -> dict[str, Any]:
        endpoint, synced = await office.sync(one(office, id_or_name).id)
        return sync_document(synced, endpoint.listed_at)

    found = _run(cli, work)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    counts = ", ".join(f"{found[name]} {name}" for name in ("added", "removed", "updated"))
    click.echo(f"{len(found['synced_models'])} models: {counts}. {SOON}")
    for each in found["refused"]:
        click.echo(f"Left out '{each['name']}': it {each['reason']}.")


@endpoints.command()
@click.argument("id_or_name")
@pass_cli
def remove(cli: CliContext, id_or_name: str) -> None:
    """Forget a server; calls that run there finish."""
    from llmlb_core.cli.endpoints_desk import one

    async def work(office: EndpointOffice) -> RegisteredEndpoint:
        endpoint = one(office, id_or_name)
        await office.remove(endpoint.id)
        return endpoint

    endpoint = _run(cli, work)
    click.echo(f"Removed '{endpoint.name}' ({endpoint.id}). A running server sends nothing more there within seconds.")


def _run(cli: CliContext, work: Callable[[EndpointOffice], Coroutine[Any, Any, T]]) -> T:
    from llmlb_core.cli.endpoints_desk import open_desk

    async def at_desk() -> T:
        async with open_desk(cli) as office:
            return await work(office)

    try:
        return asyncio.run(at_desk())
    except InvalidRequest as error:
        raise click.UsageError(error.message) from None


def _document(cli: CliContext, endpoint: RegisteredEndpoint) -> dict[str, Any]:
    from llmlb_core.endpoints.documents import endpoint_document

    return endpoint_document(endpoint, cli.settings.health.interval_s)


def _state(endpoint: RegisteredEndpoint) -> str:
    seen = endpoint.condition
    if seen.last_error is not None:
        return f"{seen.status.value}. {seen.last_error.rstrip('.')}"
    return f"{seen.status.value}, {endpoint.kind}, {len(endpoint.served)} models"


def _row(endpoint: RegisteredEndpoint) -> tuple[str, ...]:
    seen = endpoint.condition
    return (
        endpoint.name,
        seen.status.value,
        endpoint.kind,
        str(len(endpoint.served)),
        "-" if seen.latency_ms is None else f"{seen.latency_ms:.0f} ms",
        "-" if seen.checked_at is None else f"{seen.checked_at:%Y-%m-%d %H:%M}",
        endpoint.registration.url,
    )
