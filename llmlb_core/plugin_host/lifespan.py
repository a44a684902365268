"""Enters and leaves what plugins need while the server runs."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol

from attrs import define

from llmlb_core.errors import PluginBroken
from llmlb_core.plugin_host.faults import name_type
from llmlb_core.plugin_host.hooks import call_hook
from llmlb_core.plugin_host.record import PluginRecord
from llmlb_core.plugin_host.status import Phase

ENTER_TIMEOUT_S = 60.0
LEAVE_TIMEOUT_S = 10.0


class _Host(Protocol):
    """What a lifespan tells when it fails."""

    def record_failure(self, plugin: str, phase: Phase, error: BaseException) -> None: ...

    def check_required(self) -> None: ...


def open_lifespan(record: PluginRecord) -> AbstractAsyncContextManager[None] | None:
    """Call ``llmlb_lifespan`` and check what it returns; nothing is entered yet."""
    context = call_hook(record.hooks["llmlb_lifespan"], plugin=record.plugin)
    if context is None or isinstance(context, AbstractAsyncContextManager):
        return context
    raise PluginBroken(
        f"llmlb_lifespan returned {name_type(context)}; expected an async context manager: put @asynccontextmanager under @hookimpl"
    )


@define
class GuardedLifespan(AbstractAsyncContextManager[None]):
    """One plugin's lifespan, with a deadline at both ends, that never raises for the plugin's fault.

    Cancellation of the server is passed on. A plugin that cannot start is recorded as broken; where settings require it,
    entering raises ``PluginRequired``.
    """

    context: AbstractAsyncContextManager[None]
    record: PluginRecord
    host: _Host
    entered: bool = False

    async def __aenter__(self) -> None:
        """Enter, or leave a status."""
        error = await _guarded(self.context.__aenter__(), ENTER_TIMEOUT_S, "start")
        if error is None:
            self.entered = True
            return
        self.host.record_failure(self.record.found.name, "lifespan", error)
        self.host.check_required()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave what was entered; a fault is recorded, and never hides why the server stops."""
        del kind, error, traceback
        if not self.entered:
            return
        self.entered = False
        # A plugin is told that the server ends, not why: it cannot swallow or replace the reason.
        fault = await _guarded(self.context.__aexit__(None, None, None), LEAVE_TIMEOUT_S, "stop")
        if fault is not None:
            self.host.record_failure(self.record.found.name, "call", fault)


async def _guarded(step: Coroutine[object, object, object], timeout_s: float, what: str) -> BaseException | None:
    """Await *step*; return what it raised."""
    import asyncio  # here, because commands load plugins too, and none of them enters a lifespan

    try:
        async with asyncio.timeout(timeout_s) as deadline:
            await step
    except TimeoutError as error:
        if deadline.expired():
            return PluginBroken(f"llmlb_lifespan did not {what} within {timeout_s:g} s")
        return error
    except (Exception, SystemExit) as error:  # noqa: BLE001  # other people's code; recorded by the caller
        return error
    return None
