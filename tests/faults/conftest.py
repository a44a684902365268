"""Results of the whole table for each plane and router, made once; a server in the background for random schedules."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
import uvloop

from llmlb_core.faults.scorecard import Scorecard

from .suite import play


@pytest.fixture(scope="session")
def card_of(tmp_path_factory) -> Callable[[str, str], Scorecard]:
    """Returns what came of the table through a plane and a router; it is played when it is asked for first."""
    cards: dict[tuple[str, str], Scorecard] = {}

    def card_of(plane: str, router: str) -> Scorecard:
        if (plane, router) not in cards:
            folder = tmp_path_factory.mktemp(f"{plane}-{router}")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                cards[plane, router] = runner.run(play(folder, plane, router))
        return cards[plane, router]

    return card_of


@pytest.fixture(scope="module")
def background() -> Iterator[Callable[..., object]]:
    """Runs coroutines on one event loop that lives as long as the module: many examples, one server."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(90)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
