"""An attempt that failed, and what the client is told when nothing is left to try."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.domain.records import Attempt
from llmlb_core.errors import CallError, EndpointFailed, ModelLoading
from llmlb_core.stages.acquire import Lease
from llmlb_core.stages.dispatch.attempt import WindowTooSmall


@frozen
class Failure:
    """One attempt that failed.

    Attributes:
        lease: Given back already.
        error: What it failed with; or the answer that refuses the prompt as too long.
        began_at: ``time.monotonic()``.
        rule: Why it was made; empty for the first one.
        is_told: Whether the record has it already.
    """

    lease: Lease
    error: CallError | WindowTooSmall
    began_at: float
    rule: str = ""
    is_told: bool = False

    def attempt(self, now: float) -> Attempt:
        """Return it as the record has it."""
        error, lease = self.error, self.lease
        if isinstance(error, WindowTooSmall):
            code, status = "context_length_exceeded", error.answer.exchange.status
        else:
            code, status = error.code, error.status
        seconds = max(0.0, now - self.began_at)
        return Attempt(
            lease.endpoint.name, "failed", code, seconds, lease.choice.reason, lease.target.model, rule=self.rule, status=status
        )


def last_word(error: CallError) -> CallError:
    """Return what the client is told after the last attempt: what still loads is no failure, it is there in a while."""
    if isinstance(error, EndpointFailed) and error.code == "model_loading":
        return ModelLoading(error.message, retry_after_s=error.retry_after_s)
    return error
