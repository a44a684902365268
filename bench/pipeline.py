"""What the pipeline itself costs a call: no sockets, an endpoint that answers at once, every default plugin.

Usage: ``python bench/pipeline.py [--calls 20000] [--profile]``.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import pstats
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import attrs
import uvloop

from llmlb_core.contracts.dialect import Entry
from llmlb_core.contracts.endpoint import Endpoint, Exchange, Result
from llmlb_core.contracts.outlet import Headers, Outlet
from llmlb_core.contracts.streams import Identity, StreamReader
from llmlb_core.domain.calls import Call, Head, Operation
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability
from llmlb_core.domain.results import Usage
from llmlb_core.domain.transcript import Transcript
from llmlb_core.house import House
from llmlb_core.settings.load import load_settings
from llmlb_core.stages.resolve import Resolve

BODY = b'{"model":"fake-model","messages":[{"role":"user","content":"' + b"a" * 850 + b'"}]}'


class Sink(Outlet):
    """Takes an answer and does nothing with it."""

    def __init__(self) -> None:
        """Begin closed."""

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the one body."""
        del max_bytes, timeout_s
        return BODY

    async def piece(self, max_bytes: int, timeout_s: float) -> bytes:
        """Not used."""
        raise NotImplementedError(f"{max_bytes} {timeout_s}")

    def open(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Look at the head."""
        del length
        self.opened, self.status = True, status
        "".join([f"{name}: {value}\r\n" for name, value in headers])

    def write(self, data: bytes) -> None:
        """Count."""
        self.bytes_out += len(data)

    async def drained(self) -> None:
        """Never wait."""

    def end(self) -> None:
        """Do nothing."""

    def fail(self) -> None:
        """Do nothing."""


class Done:
    """An exchange that is over before it began."""

    status, content_type, content_length, is_complete = 200, "application/json", 692, True
    headers: tuple[tuple[str, str], ...] = ()
    reader: StreamReader | None = None
    told = b""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit in the next turn of *loop*, as a real one would at the earliest."""
        self.committed: asyncio.Future[None] = loop.create_future()
        self.usage: Usage | None = None
        loop.call_soon(self.committed.set_result, None)

    def hasten(self, seconds: float) -> None:
        """It cannot be sooner."""

    def follow(self, delivered: Transcript, identity: Identity | None) -> bool:
        """No plain answer goes on with another."""
        del delivered, identity
        return False

    def go_on(self, delivered: Transcript, identity: Identity | None, *, is_capped: bool) -> bool:
        """Nothing is left to say."""
        del delivered, identity, is_capped
        return False

    def attach(self, outlet: Outlet) -> None:
        """Write the answer."""
        outlet.write(b"x" * 692)

    async def finished(self) -> None:
        """It is."""

    def abort(self) -> None:
        """Nothing is left to end."""

    def pause(self) -> None:
        """Nothing flows."""

    def resume(self) -> None:
        """Nothing flows."""


class Instant(Endpoint):
    """Answers at once."""

    kind = "fake"

    def __init__(self, name: str) -> None:
        """Be called *name*."""
        self.id = self.name = name
        self.max_in_flight_ = 4000

    @property
    def max_in_flight(self) -> int:
        """Many."""
        return self.max_in_flight_

    @property
    def unroutable_reason(self) -> str | None:
        """None."""
        return None

    def speaks(self, dialect: str) -> bool:
        """Everything."""
        del dialect
        return True

    def relay(self, call: Call, model: str) -> Exchange:
        """Return a finished exchange."""
        del call, model
        return Done(asyncio.get_running_loop())

    async def open(self, call: Call, model: str) -> AsyncIterator[Result]:
        """Not used."""
        raise NotImplementedError(f"{call.id} {model}")
        yield  # type: ignore[unreachable]  # makes this a generator


class One:
    """A directory of one model at two endpoints."""

    def __init__(self) -> None:
        """Make them."""
        self.found = Target("fake-model", (Instant("a"), Instant("b"))), (Capability.TEXT_GENERATION,)

        self.fallbacks: Mapping[str, tuple[str, ...]] = {}

    def has(self, name: str) -> bool:
        """Return whether it is the one."""
        return name == self.found[0].model

    def lookup(self, name: str, need: Capability, operation: Operation) -> tuple[Target, tuple[Capability, ...]]:
        """Return the one."""
        del name, need, operation
        return self.found


async def measure(calls: int, *, profile: bool) -> float:
    """Return µs a call."""
    with tempfile.TemporaryDirectory() as folder:
        key = await _key(Path(folder))
        settings = load_settings(environ={"LLMLB_DATA_DIR": folder})
        house = House(settings)
        async with house.open():
            pipeline = attrs.evolve(house.pipeline, resolve=Resolve(One()))
            dialect = house.host.registry.dialects["openai"]
            entry = Entry(dialect, dialect.routes[0])
            headers = {"host": "x", "authorization": f"Bearer {key}", "content-type": "application/json", "content-length": "928"}

            async def run(count: int) -> float:
                loop = asyncio.get_running_loop()
                began = time.process_time()
                for _ in range(count):
                    head = Head("POST", "/v1/chat/completions", "", headers, "127.0.0.1", time.monotonic())
                    sink = Sink()
                    sink.task = loop.create_task(pipeline.serve(head, entry, sink))
                    await sink.task
                    assert sink.status == 200, sink.status
                return (time.process_time() - began) / count * 1e6

            await run(500)
            gc.collect()
            gc.freeze()
            best = min([await run(calls // 5) for _ in range(5)])
            if profile:
                profiler = cProfile.Profile()
                profiler.enable()
                await run(5000)
                profiler.disable()
                pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
            return best


async def _key(folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmlb_core", "--data-dir", str(folder), "keys", "ensure"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode().strip()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=20000)
    options.add_argument("--profile", action="store_true")
    arguments = options.parse_args()
    print(f"pipeline: {uvloop.run(measure(arguments.calls, profile=arguments.profile)):.1f} µs a call, its task included")


if __name__ == "__main__":
    main()
