"""The fault suite's parts: a server in this process, endpoints for every case, and the doors that calls come through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import define
from llmlb_testing.doors import Doors, open_doors

from llmlb_core.faults.caller import HttpCaller
from llmlb_core.faults.case import Case
from llmlb_core.faults.cases import CASES
from llmlb_core.faults.runner import Ground, run_cases
from llmlb_core.faults.scorecard import Scorecard
from llmlb_core.faults.server import FaultServer
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import Settings

LIMITS = {"connect_s": 2.0, "head_s": 0.8, "first_token_s": 0.8, "switch_s": 0.8, "idle_s": 0.8, "plain_s": 1.2}
"""Short, so that silence is over soon; not so short that a busy machine is taken for a silent server."""
GENEROUS = {name: 10 * seconds for name, seconds in LIMITS.items()}
"""For cases in which no limit has to pass and nothing may be tried twice: a machine that is busy for a second changes nothing."""
TOML = """
[auth]
is_disabled = true

[log]
access = false
level = "error"

[plugins]
enabled = ["dialect_openai", "router_auto", "router_basic", "admission_fair"]

[health]
interval_s = 0

[routing]
router = "{router}"
"""
CLOSED_URL = "http://127.0.0.1:9"


def endpoint_toml(name: str, url: str, model: str, limits: dict[str, float] = LIMITS, capabilities: str = "") -> str:
    """Return the table of one endpoint."""
    timeouts = ", ".join(f"{key} = {value}" for key, value in limits.items())
    more = f'capabilities = ["{capabilities}"]\n' if capabilities else ""
    return f'[[endpoints]]\nname = "{name}"\nurl = "{url}"\nmodels = ["{model}"]\n{more}timeouts = {{ {timeouts} }}\n\n'


def model_of(case: Case, mode: str) -> str:
    """Return the model that only the endpoints of this case serve."""
    return f"{case.name}-{mode}"


def limits_of(case: Case) -> dict[str, float]:
    """Return the time limits of the endpoints of *case*."""
    return GENEROUS if case.most_visits == 1 and case.want == "whole" and not case.waits else LIMITS


def suite_toml(router: str, url: str, cases: Iterable[Case] = CASES) -> str:
    """Return settings with endpoints for every case, at the fault server at *url*."""
    tables = [TOML.format(router=router)]
    for case in cases:
        for mode in case.modes:
            model = model_of(case, mode)
            for number in range(case.endpoints):
                name = f"{model}-{number}"
                base = CLOSED_URL if number < case.unreachable else url
                able = "embedding" * (case.route == "embeddings")
                tables.append(endpoint_toml(name, f"{base}/{name}", model, limits_of(case), able))
    return "".join(tables)


@define(eq=False)
class InProcess:
    """A server under test in this process; see ``Place``."""

    doors: Doors

    @asynccontextmanager
    async def ground(self, case, mode) -> AsyncIterator[Ground]:
        """Its endpoints are in the settings."""
        yield Ground(model_of(case, mode), limits_of(case))

    async def in_flight(self, ground) -> int:
        """Count at the endpoints that serve the model, and connections that are in use."""
        mine = [each for each in self.doors.house.endpoints.registry.snapshot.endpoints if ground.model in each.models]
        return sum(each.in_flight for each in mine) + sum(each.pool.open_count - each.pool.idle_count for each in mine)


class AsgiCaller:
    """Calls the ASGI application itself, as an ASGI server would."""

    def __init__(self, app) -> None:
        self._app = app

    async def __call__(self, path, body, seen, leave) -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        call = None

        async def receive():
            if messages:
                return messages.pop()
            await leave.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                seen.body += message["body"]
                seen.is_whole = not message.get("more_body", False)
            seen.on_news()

        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": ("127.0.0.1", 1)}
        scope["headers"] = [(b"content-type", b"application/json")]
        call = asyncio.create_task(self._app(scope, receive, send))
        try:
            await call
        finally:
            call.cancel()


def settings_of(folder: Path, toml: str) -> Settings:
    """Write and read settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "llmlb.toml").write_text(toml)
    return load_settings(environ={"LLMLB_DATA_DIR": str(folder)})


@asynccontextmanager
async def opened(
    folder: Path, router: str, cases: Iterable[Case] = CASES, more: str = ""
) -> AsyncIterator[tuple[Doors, FaultServer]]:
    """Open a fault server and a server in front of it."""
    async with FaultServer.open() as server:
        settings = settings_of(folder, suite_toml(router, server.url, cases) + more.replace("FAULTS", server.url))
        async with open_doors(settings) as doors:
            yield doors, server


def caller_of(plane: str, doors: Doors):
    """Return a caller for a plane's name."""
    return HttpCaller(doors.url) if plane == "wire" else AsgiCaller(doors.app)


async def play(folder: Path, plane: str, router: str, cases: Iterable[Case] = CASES) -> Scorecard:
    """Run *cases* through one plane and router, and return what came of them."""
    async with opened(folder, router, cases) as (doors, server):
        results = [each async for each in run_cases(cases, InProcess(doors), server, caller_of(plane, doors), at_a_time=16)]
    return Scorecard(cases, results)
