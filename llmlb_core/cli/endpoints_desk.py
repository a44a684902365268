"""Where ``llmlb endpoints`` does its work: on the database itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llmlb_core.cli.context import CliContext
from llmlb_core.endpoints.of_settings import FileServer, find_servers
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.errors import LLMLBError, SettingsInvalid
from llmlb_core.house.endpoint_office import EndpointOffice
from llmlb_core.security.data_dir import prepare_data_dir
from llmlb_core.storage.core_app import CORE_APP
from llmlb_core.storage.rows import current_database, database_faults
from llmlb_core.storage.setup import open_storage
from llmlb_core.upstream.sweep import Sweep


class DeskError(LLMLBError):
    """The command cannot do what was asked; the message says why and what to do."""


@asynccontextmanager
async def open_desk(cli: CliContext) -> AsyncIterator[EndpointOffice]:
    """Open the database as ``serve`` does, pending migrations included, and read the servers.

    Raises:
        StartError: The data directory or the database is unusable.
        DeskError: The database failed in the middle.
    """
    # What is found is printed by the command; it is no log.
    logging.getLogger("llmlb").addHandler(logging.NullHandler())
    prepare_data_dir(cli.settings.data_dir)
    async with open_storage(cli.settings, [CORE_APP]):
        sweep = Sweep(asyncio.get_running_loop())
        kinds = cli.host.registry.endpoint_kinds
        office = EndpointOffice(cli.settings, kinds, sweep, current_database(), servers=_of_file(cli))
        try:
            async with office.at_desk():
                yield office
        except database_faults() as error:
            raise DeskError(f"The database failed ({type(error).__name__}); see 'llmlb db check'.") from error
        finally:
            sweep.stop()


def one(office: EndpointOffice, id_or_name: str) -> RegisteredEndpoint:
    """Return the server of this id or name.

    Raises:
        DeskError: There is none.
    """
    found = office.registry.find(id_or_name) or office.registry.named(id_or_name)
    if found is None:
        raise DeskError(f"No endpoint has the id or name '{id_or_name[:100]}'; 'llmlb endpoints list' shows them.")
    return found


def read_key(cli: CliContext, variable: str | None, file: Path | None) -> str | None:
    """Return the key in an environment variable or in a file, ``-`` being standard input; None where neither is named.

    Raises:
        DeskError: It is not there.
    """
    if variable is not None:
        key = cli.environ.get(variable, "").strip()
        where = f"the environment variable {variable}"
    elif file is not None:
        where = "standard input" if str(file) == "-" else f"the file {file}"
        try:
            key = (sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise DeskError(f"The API key cannot be read from {where}: {reason}.") from error
    else:
        return None
    if not key:
        raise DeskError(f"The API key is to be found in {where}, which is empty or not set.")
    return key


def _of_file(cli: CliContext) -> list[FileServer]:
    try:
        return find_servers(cli.settings, cli.environ)
    except SettingsInvalid as error:
        # Keys may be set for the server alone; what is in the database can be worked on all the same.
        print(f"llmlb: endpoints of the settings file are left out: {error}", file=sys.stderr)
        return []
