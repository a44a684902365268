"""Pytest fixtures, active wherever llmlb-testing is installed.

Every pytest run of such an environment imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from llmlb_testing.asgi import Client
    from llmlb_testing.postgres import PostgresServer
    from llmlb_testing.server import LiveServer

# Asserts of the kits then say what was compared, as an author's own do.
pytest.register_assert_rewrite("llmlb_testing.contracts")


@pytest.fixture(scope="session")
def starter_model() -> Path:
    """The path of SmolLM2-135M-Instruct (GGUF, 98 MB), fetched on first use; see ``llmlb_testing.starter``."""
    from llmlb_testing.starter import starter_model_path

    return starter_model_path()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run; its tests are skipped, with the reason, where the programs are missing."""
    from llmlb_testing.postgres import MISSING, find_programs, running_postgres

    programs = find_programs()
    if programs is None:
        pytest.skip(MISSING)
    with running_postgres(programs) as server:
        yield server


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Client]:
    """The whole application in this process, with every installed plugin and the model ``echo``; see ``llmlb_testing.asgi``."""
    from llmlb_testing.asgi import open_app

    async with open_app(tmp_path / "app") as client:
        yield client


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """A function that starts ``llmlb serve`` with some TOML in a process of its own; stopped when the test ends."""
    from llmlb_testing.server import LiveServer

    servers: list[LiveServer] = []

    def start(toml: str = "", env: Mapping[str, str] | None = None) -> LiveServer:
        servers.append(LiveServer.start(tmp_path / f"server-{len(servers)}", toml, env))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
