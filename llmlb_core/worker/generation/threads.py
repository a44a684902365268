"""Engine code in a thread of its own, awaited from the worker's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from llmlb_core.contracts.engine import Cancel, Engine
from llmlb_core.errors import EngineFailed

STOP_TIMEOUT_S = 5.0
"""How long an engine may take to notice a cancel. The server kills a worker that takes longer than its own, shorter limit."""

T = TypeVar("T")


async def in_thread(work: Callable[[], T], engine: Engine, cancel: Cancel) -> T:
    """Run *work* in a thread of its own and return its result.

    When the waiting task is cancelled, *cancel* is set. Once *cancel* is set, the thread is waited for ``STOP_TIMEOUT_S`` at most.

    Raises:
        EngineFailed: It did not end in time.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[T] | Exception] = loop.create_future()
    stopping = event_of(cancel)

    def settle(outcome: tuple[T] | Exception) -> None:
        if not done.done():
            done.set_result(outcome)

    def run() -> None:
        outcome: tuple[T] | Exception
        try:
            outcome = (work(),)
        except BaseException as error:  # noqa: BLE001  # engine code; whatever it raised is raised where it is awaited
            outcome = raisable(error, engine)
        call_soon(loop, settle, outcome)

    threading.Thread(target=run, name=f"engine-{engine.name}", daemon=True).start()
    stop = loop.create_task(stopping.wait())
    try:
        waits: list[asyncio.Future[Any]] = [done, stop]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        if not done.done():
            cancel.set()
            await asyncio.wait([done], timeout=STOP_TIMEOUT_S)
    if not done.done():
        done.cancel()
        raise did_not_stop(engine)
    outcome = done.result()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome[0]


def raisable(error: BaseException, engine: Engine) -> Exception:
    """Return *error* as it may be raised in the loop: what would end the loop, or an iteration there, is the engine's failure."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
        return error
    failure = EngineFailed(f"The engine {engine.name!r} raised {type(error).__name__} ({error}) where it should have answered.")
    failure.__cause__ = error
    return failure


def did_not_stop(engine: Engine) -> EngineFailed:
    """Return the error for engine code that ignores its cancel."""
    return EngineFailed(
        f"The engine {engine.name!r} went on for {STOP_TIMEOUT_S:g} s after it was cancelled; its worker must be restarted."
    )


def event_of(cancel: Cancel) -> asyncio.Event:
    """Return an event of the running loop that is set with *cancel*."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    cancel.on_set(lambda: call_soon(loop, event.set))
    return event


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> None:
    """Run *callback* on *loop*, from any thread; nothing where the loop is closed, as then nobody waits."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
