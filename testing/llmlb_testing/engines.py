"""Engines loaded as a worker loads them, in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from llmlb_core import Cancel, Engine, LocalModel, ModelFacts, Placement, TextDelta, TextEngine, TextRequest

E = TypeVar("E", bound=Engine)
GENERATE_TIMEOUT_S = 60.0


@contextmanager
def loaded(
    engine: type[E],
    *,
    path: Path | None = None,
    facts: ModelFacts | None = None,
    options: Mapping[str, object] | None = None,
    placement: Placement | None = None,
) -> Iterator[E]:
    """Load *engine* as a worker does, and unload it at the end.

    Args:
        engine: The class.
        path: The model file, for an engine that reads files.
        facts: What the file's header says; only the format by default.
        options: As written in ``[models."x".options]``, checked by ``options_class``.
        placement: Devices, threads and context; one CPU thread by default.
    """
    formats = engine.formats or ("",)
    model = LocalModel(
        id="test-model",
        facts=facts or ModelFacts(format=formats[0]),
        directory=path.parent if path is not None else None,
        main=path.name if path is not None else "",
        options=dict(options or {}),
    )
    structured: object = None
    if engine.options_class is not None:
        from llmlb_core.settings.load import structure_table

        structured = structure_table(engine.options_class, model.options, ("models", model.id, "options"), None)
    instance = engine()
    instance.load(model, placement or Placement(), structured)
    try:
        yield instance
    finally:
        instance.unload()


async def generated(
    engine: TextEngine,
    request: TextRequest,
    cancel: Cancel | None = None,
    on_delta: Callable[[TextDelta], None] = lambda _delta: None,
) -> list[TextDelta]:
    """Return everything that *engine* yields; a plain iterator runs in a thread of its own, as in a worker.

    Args:
        engine: Loaded.
        request: What to generate.
        cancel: Set it to stop.
        on_delta: Called with each delta before the next is asked for, where the engine runs.

    Raises:
        TimeoutError: It did not end within ``GENERATE_TIMEOUT_S``.
        Exception: Whatever the engine raises.
    """
    deltas: list[TextDelta] = []

    def take(delta: TextDelta) -> None:
        deltas.append(delta)
        on_delta(delta)

    async with asyncio.timeout(GENERATE_TIMEOUT_S):
        found = engine.generate(request, cancel or Cancel())
        if isinstance(found, AsyncIterator):
            async for delta in found:
                take(delta)
            return deltas
        iterator = found
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        errors: list[BaseException] = []

        def run() -> None:
            try:
                for delta in iterator:
                    take(delta)
            except BaseException as error:  # noqa: BLE001  # other people's code; raised again below
                errors.append(error)
            # A loop that is closed has nobody left to tell.
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        # A daemon, so that an engine that hangs fails one test and does not keep pytest from ending.
        threading.Thread(target=run, name="engine-under-test", daemon=True).start()
        await done.wait()
    if errors:
        raise errors[0]
    return deltas
