"""What one call meets, and what its client must see."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from llmlb_core.faults.fault import Fault

Mode = Literal["stream", "plain"]
Want = Literal["whole", "error", "in_band", "truthful", "cut", "left"]
"""A whole answer; an error before any content; content and then one error in the stream; any of these; an answer without HTTP's
end; the client leaves."""
Limit = Literal["connect_s", "head_s", "first_token_s", "switch_s", "idle_s", "plain_s"]

MODES: tuple[Mode, ...] = ("stream", "plain")
MOST_PER_ENDPOINT = 3
"""Attempts at one endpoint for one call (rule 3)."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        name: Of lower-case words.
        says: The fault, for people: what the server does.
        sees: What the client sees, for people.
        rules: Which of the thirteen it shows.
        faults: What the call's attempts meet, in order, whichever endpoint they come to; the last one stays.
        modes: In which forms it is called.
        want: What must be seen.
        endpoints: How many serve the model.
        unreachable: How many of these refuse connections.
        statuses: Of an error.
        codes: Of an error; empty = any.
        least_visits: So many attempts at least.
        most_visits: So many at most, over all endpoints.
        route: Which route is called.
        body: Further members of the request.
        waits: Limits that have to pass before it can end.
        extra_s: Further seconds that it may take, such as a ``Retry-After``.
        least_s: It may not end before.
        leaves: When the client leaves.
        recovers_s: A call after it works within so long; more than 0 where everything behind it was broken.
    """

    name: str
    says: str
    sees: str
    rules: tuple[int, ...]
    faults: tuple[Fault, ...]
    modes: tuple[Mode, ...] = MODES
    want: Want = "whole"
    endpoints: int = 2
    unreachable: int = 0
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    least_visits: int = 1
    most_visits: int = 6
    route: str = "chat/completions"
    body: dict[str, Any] = {}
    waits: tuple[Limit, ...] = ()
    extra_s: float = 0.0
    least_s: float = 0.0
    leaves: Literal["", "before_head", "middle"] = ""
    recovers_s: float = 0.0

    @property
    def path(self) -> str:
        """Of the request."""
        return f"/v1/{self.route}"

    @property
    def choices(self) -> int:
        """How many choices the answer has."""
        return int(self.body.get("n", 1))


def request_body(case: Case, mode: Mode, model: str, prompt: str) -> bytes:
    """Return the body of a call of *case*."""
    document: dict[str, Any] = {"model": model, "temperature": 0, "seed": 1, **case.body}
    if case.route == "embeddings":
        document = {"model": model, "input": prompt}
    elif case.route == "completions":
        document["prompt"] = prompt
    else:
        document["messages"] = [{"role": "user", "content": prompt}]
    if mode == "stream":
        document["stream"] = True
    return msgspec.json.encode(document)
