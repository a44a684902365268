"""``llmlb serve``: run the server."""

from __future__ import annotations

import asyncio
import sys
from typing import Literal

import attrs
import click

from llmlb_core.cli.context import CliContext, pass_cli


@click.command()
@click.option("--host", help="Address to listen on (overrides [server] host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one (overrides [server] port).")
@click.option(
    "--plane",
    type=click.Choice(["wire", "web"]),
    default="wire",
    show_default=True,
    help="`web` serves inference by Hypercorn too; slower, for comparison.",
)
@pass_cli
def serve(cli: CliContext, host: str | None, port: int | None, plane: Literal["wire", "web"]) -> None:
    """Run the server until it is told to stop (SIGTERM or Ctrl-C)."""
    from llmlb_core import serving
    from llmlb_core.security.data_dir import prepare_data_dir
    from llmlb_core.telemetry.log import configure, get_logger
    from llmlb_core.version import __version__

    settings = cli.settings
    server = settings.server
    server = attrs.evolve(server, host=server.host if host is None else host, port=server.port if port is None else port)
    settings = attrs.evolve(settings, server=server)
    configure(settings.log.level)
    log = get_logger("serve")
    for warning in settings.warnings:
        log.warning("settings", message=warning)
    prepare_data_dir(settings.data_dir)
    listener = serving.bind(settings)

    def ready(house: object) -> None:
        del house
        print(f"llmlb {__version__} is listening on {serving.url_of(settings, listener)}", flush=True)

    run = asyncio.run
    if sys.platform != "win32":
        import uvloop

        run = uvloop.run
    with listener:  # also where the start fails after this
        run(serving.serve(settings, listener, ready, plane))
