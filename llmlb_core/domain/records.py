"""What is kept of a call when it is over: metadata, never content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from llmlb_core.domain.results import Usage

if TYPE_CHECKING:
    from llmlb_core.domain.calls import Call


@frozen
class Attempt:
    """One try of a call at one endpoint.

    Attributes:
        reason: Error code of what it failed with.
        choice_reason: Why the router chose the endpoint.
    """

    endpoint: str
    outcome: str
    reason: str
    duration_s: float
    choice_reason: str = ""


@define
class Record:
    """Filled in by the stages, delivered by the stage ``record``.

    Attributes:
        opened: Whether status and headers went out; committed: whether content did.
        status: The HTTP status that the client saw, 0 if none.
        error_code: OpenAI error code of what ended the call, or None.
        queue_wait_s: Time between asking for a lease and having it, or giving up.
        choice_reason: Why the router chose ``served_by``; empty where nothing served the call.
    """

    id: str
    started_at: float
    method: str = ""
    path: str = ""
    client_address: str = ""
    principal: str = ""
    operation: str = ""
    model: str = ""
    served_by: str = ""
    choice_reason: str = ""
    stream: bool = False
    status: int = 0
    error_code: str | None = None
    ending: Literal["", "finished", "failed", "cancelled"] = ""
    queue_wait_s: float = 0.0
    first_token_s: float | None = None
    duration_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    usage: Usage | None = None
    attempts: list[Attempt] = field(factory=list)

    @property
    def attempt_count(self) -> int:
        """At how many endpoints the call was tried."""
        return len(self.attempts) + (1 if self.served_by else 0)

    def describe(self, call: Call) -> None:
        """Note what the stage ``parse`` learned."""
        self.principal = call.principal.id
        self.operation = call.route.operation
        self.model = call.model
        self.stream = call.stream
        self.bytes_in = len(call.body)
