"""What is kept of a call when it is over: metadata, never content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from llmlb_core.domain.results import Delivered, Usage

if TYPE_CHECKING:
    from llmlb_core.domain.calls import Call


@frozen
class Attempt:
    """One try of a call at one endpoint.

    Attributes:
        outcome: ``completed``, ``failed``, ``refused`` (the server's own refusal was passed on) or ``cancelled``.
        reason: Error code of what it failed with; empty where it did not.
        choice_reason: Why the router chose the endpoint.
        model: Under which name the endpoint knows the model.
        rule: Why it was made: ``failover`` (another endpoint), ``retry_same`` (the same one again), ``fallback_model``,
            ``replay``, ``hedge``, ``probe``, …; empty for the first one.
        status: HTTP status that the client has, or would have, been answered with because of it; 0 where it was not known.
    """

    endpoint: str
    outcome: str
    reason: str
    duration_s: float
    choice_reason: str = ""
    model: str = ""
    rule: str = ""
    status: int = 0


@frozen
class Further:
    """The attempt that runs, or ran last, where it is not the first: a call that goes well has none.

    Attributes:
        rule: As in ``Attempt``.
        began_at: ``time.monotonic()``.
        is_over: Whether it is told in ``Record.attempts`` already.
    """

    rule: str = ""
    began_at: float = 0.0
    is_over: bool = False


_OVER = Further(is_over=True)
_OUTCOMES = {"finished": "completed", "cancelled": "cancelled"}


@define
class Record:
    """Filled in by the stages, delivered by the stage ``record``.

    Attributes:
        model: The name that the client wrote; ``served_model`` that of what answered, where it is another one.
        status: The HTTP status that the client saw, 0 if none.
        error_code: OpenAI error code of what ended the call, or None.
        queue_wait_s: Time between asking for a lease and having it, or giving up.
        choice_reason: Why the router chose ``served_by``; empty where nothing served the call.
        delivered: What went out, where nobody told its usage; ``usage`` is counted from it in the end.
        attempts: Those that failed, in order; see ``all_attempts``.
        further: Set by ``begin_attempt`` and ``end_attempt``.
    """

    id: str
    started_at: float
    method: str = ""
    path: str = ""
    client_address: str = ""
    principal: str = ""
    operation: str = ""
    model: str = ""
    served_model: str = ""
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
    delivered: Delivered | None = None
    attempts: list[Attempt] = field(factory=list)
    further: Further | None = None

    @property
    def attempt_count(self) -> int:
        """How often the call was tried at an endpoint."""
        return len(self.attempts) + (1 if self._is_last_missing() else 0)

    def end_attempt(self, attempt: Attempt) -> None:
        """Note an attempt that failed, also one that broke after its first content; nothing was begun after it yet."""
        self.attempts.append(attempt)
        self.further = _OVER

    def begin_attempt(self, rule: str, at: float) -> None:
        """Note that another attempt begins: because of *rule* (see ``Attempt``), *at* a time of ``time.monotonic()``."""
        self.further = Further(rule, at)

    def all_attempts(self) -> list[Attempt]:
        """Return every attempt in order, that which served the call too. For a record that is over."""
        return [*self.attempts, self._last()] if self._is_last_missing() else self.attempts

    def _is_last_missing(self) -> bool:
        return bool(self.served_by) and (self.further is None or not self.further.is_over)

    def _last(self) -> Attempt:
        """Return the attempt that served the call, or that the client saw break."""
        further, status = self.further, self.status
        # The first attempt began when the call had a lease; what went before that takes no time to speak of.
        seconds = self.duration_s - self.queue_wait_s if further is None else self.started_at + self.duration_s - further.began_at
        outcome, reason = _OUTCOMES.get(self.ending, "failed"), self.error_code or ""
        if outcome == "completed" and status >= 400:  # from here on HTTP's statuses are errors
            outcome, reason = "refused", f"http_{status}"
        return Attempt(
            self.served_by,
            outcome,
            reason,
            max(0.0, seconds),
            self.choice_reason,
            self.served_model or self.model,
            "" if further is None else further.rule,
            status,
        )

    def describe(self, call: Call) -> None:
        """Note what the stage ``parse`` learned."""
        self.principal = call.principal.id
        self.operation = call.route.operation
        self.model = call.model
        self.stream = call.stream
        self.bytes_in = len(call.body) if call.form is None else call.form.size_bytes
