"""A server that answers as a model would, and breaks as it is told.

Several endpoints live on one port: the first part of a path names one, so ``http://127.0.0.1:PORT/a`` and ``…/b`` are two servers
to whoever calls them. Which fault a request meets is said by a plan for its prompt, by a schedule, or by neither: then it works.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from llmlb_core.faults.answers import Asked, read_asked
from llmlb_core.faults.control import control
from llmlb_core.faults.fault import AT_HEAD, WORKS, Fault
from llmlb_core.faults.line import Line, Request
from llmlb_core.faults.sending import answer, plain_head
from llmlb_core.faults.visit import Plan, Visit

ROUTES = ("chat/completions", "completions", "embeddings")
MOST_VISITS = 100_000

Schedule = Callable[[str, Asked], Fault]
"""Says which fault a request to an endpoint meets."""


class FaultServer:
    """A listening server.

    Attributes:
        url: Where it listens; an endpoint's address is this, a slash and its name.
        plans: By prompt; see ``Plan``.
        schedule: Asked where there is no plan.
        models: What each endpoint lists, by its name.
        visits: Requests in their order, the last 100,000.
    """

    def __init__(self, *, can_control: bool = False) -> None:
        """Listen nowhere yet; *can_control* serves ``/control/…`` too."""
        self.url = ""
        self.plans: dict[str, Plan] = {}
        self.schedule: Schedule | None = None
        self.models: dict[str, Sequence[str]] = {}
        self.visits: deque[Visit] = deque(maxlen=MOST_VISITS)
        self._can_control = can_control
        self._lines: set[Line] = set()
        self._count = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, host: str = "127.0.0.1", port: int = 0, *, shown_as: str = "", can_control: bool = False
    ) -> AsyncIterator[FaultServer]:
        """Listen on *host* and *port*, 0 = a free one; end everything at the end.

        Args:
            host: Address to listen on.
            port: Port to listen on.
            shown_as: The host in ``url``, where others reach it by another name.
            can_control: Whether ``/control/…`` is served too.
        """
        faulty = cls(can_control=can_control)
        server = await asyncio.get_running_loop().create_server(lambda: Line(faulty.serve, faulty._lines), host, port)
        name = shown_as or (f"[{host}]" if ":" in host else host)
        faulty.url = f"http://{name}:{server.sockets[0].getsockname()[1]}"
        try:
            yield faulty
        finally:
            server.close()
            for line in tuple(faulty._lines):
                line.cancel()
            await asyncio.sleep(0)  # the transports tell their protocols in the next turn

    def plan(self, prompt: str, *faults: Fault) -> Plan:
        """Have the requests of *prompt* meet *faults*, in this order; the last one stays."""
        made = self.plans[prompt] = Plan(faults)
        return made

    def visits_of(self, prompt: str) -> list[Visit]:
        """Return the requests of *prompt*, in their order."""
        plan = self.plans.get(prompt)
        return plan.visits if plan is not None else [visit for visit in self.visits if visit.asked.prompt == prompt]

    @property
    def open_count(self) -> int:
        """Requests that are not over."""
        return sum(visit.over_at is None for visit in self.visits)

    async def serve(self, line: Line, request: Request) -> None:
        """Answer one request."""
        endpoint, _, rest = request.path.strip("/").partition("/")
        if endpoint == "control" and self._can_control:
            await line.send(plain_head(200, "application/json", body := control(self, request)), body)
            return
        route = rest.removeprefix("v1/")
        if request.method == "GET" and route == "models":
            listed = [{"id": name, "object": "model", "owned_by": "faults"} for name in self.models.get(endpoint, ())]
            body = msgspec.json.encode({"object": "list", "data": listed})
            await line.send(plain_head(200, "application/json", body), body)
            return
        if request.method != "POST" or route not in ROUTES:
            await line.send(plain_head(404, "application/json", b"{}"), b"{}")
            return
        try:
            asked = read_asked(route, request.body)
        except ValueError as error:
            body = msgspec.json.encode({"error": {"message": str(error), "code": "invalid_json", "type": "invalid_request_error"}})
            await line.send(plain_head(400, "application/json", body), body)
            return
        await self._visit(line, endpoint, asked)

    async def _visit(self, line: Line, endpoint: str, asked: Asked) -> None:
        loop = asyncio.get_running_loop()
        self._count += 1
        plan = self.plans.get(asked.prompt)
        fault = WORKS
        if plan is not None:
            fault = plan.next()
        elif self.schedule is not None:
            fault = self.schedule(endpoint, asked)
        asked = msgspec.structs.replace(asked, number=self._count, salt=self._count if fault.varies else 0)
        visit = Visit(endpoint, asked, fault, loop.time())
        is_lost = fault.break_how in ("reset", "cut") and fault.break_at == AT_HEAD and fault.break_byte is None
        visit.is_free = is_lost and line.request_count > 1 and not fault.head_delay_s
        self.visits.append(visit)
        if plan is not None:
            plan.visits.append(visit)
        line.on_left = lambda: visit.over(loop.time(), is_left=True)
        try:
            await answer(line, visit, None if plan is None else plan.delivered)
        finally:
            visit.over(loop.time())
