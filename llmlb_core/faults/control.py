"""The control plane of the fault server, for whoever runs it in a process of its own: ``/control/…`` on the same port.

``POST /control/plans`` ``{"prompt": "p", "faults": ["reset", {"status": 500}]}`` has the requests of a prompt meet these, in order;
``POST /control/schedule`` ``{"faults": ["reset", "stall"], "share": 0.3, "seed": 1}`` breaks a share of all others at random;
``POST /control/delivered`` ``{"prompt": "p"}`` tells that content has arrived; ``GET /control/visits`` lists what came.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from llmlb_core.faults.answers import Asked
from llmlb_core.faults.fault import WORKS, Fault
from llmlb_core.faults.line import Request
from llmlb_core.faults.named import FAULTS

if TYPE_CHECKING:
    from llmlb_core.faults.server import FaultServer, Schedule


def control(server: FaultServer, request: Request) -> bytes:
    """Do what *request* asks for and return a document."""
    try:
        return msgspec.json.encode(_done(server, request))
    except (KeyError, TypeError, ValueError) as error:  # msgspec's are ValueErrors
        return msgspec.json.encode({"error": f"{type(error).__name__}: {error}"})


def random_schedule(faults: Sequence[Fault], share: float, seed: int) -> Schedule:
    """Return a schedule that breaks *share* of the requests, each with one of *faults*."""
    chances = random.Random(seed)  # noqa: S311  # a schedule is to be repeatable, not secret

    def schedule(endpoint: str, asked: Asked) -> Fault:
        del endpoint, asked
        return chances.choice(faults) if chances.random() < share else WORKS

    return schedule


def _done(server: FaultServer, request: Request) -> dict[str, Any]:
    what = request.path.removeprefix("/control/")
    body: dict[str, Any] = msgspec.json.decode(request.body) if request.body else {}
    if what == "plans":
        server.plan(str(body["prompt"]), *map(_fault, body["faults"]))
    elif what == "schedule":
        faults = [_fault(each) for each in body["faults"]]
        server.schedule = random_schedule(faults, float(body.get("share", 0.2)), int(body.get("seed", 1))) if faults else None
    elif what == "models":
        server.models[str(body["endpoint"])] = [str(name) for name in body["models"]]
    elif what == "delivered":
        server.plans[str(body["prompt"])].delivered.set()
    elif what == "visits":
        return {"visits": [visit.document() for visit in server.visits], "open": server.open_count}
    else:
        known = "plans, schedule, models, delivered, visits"
        raise KeyError(f"{what!r} is not known; known: {known}")
    return {"done": what}


def _fault(said: object) -> Fault:
    return FAULTS[said] if isinstance(said, str) else msgspec.convert(said, Fault)
