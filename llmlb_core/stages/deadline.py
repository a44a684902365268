"""One deadline for a whole call: whoever watches the clock cancels the call's task, and the reason is remembered."""

from __future__ import annotations

from asyncio import Task

from llmlb_core.errors import CallError, DeadlineExceeded


class Deadline:
    """Ends a call's task when its time has come, or earlier when told to.

    It has no timer of its own: ``Running`` looks at all calls twice a second, which costs a call nothing.

    Attributes:
        at: When, on the scale of ``time.monotonic()``.
        task: Serves the call; None once that is over.
    """

    __slots__ = ("_error", "_timeout_s", "at", "task")

    def __init__(self, task: Task[None] | None, began_at: float, timeout_s: float) -> None:
        """Count from *began_at*; *task* serves the call."""
        self.task = task
        self._timeout_s = timeout_s
        self._error: CallError | None = None
        self.at = began_at + timeout_s

    def pass_by(self) -> None:
        """The time has come."""
        self.end(
            DeadlineExceeded(
                f"The call was not finished within {self._timeout_s:g} s. Ask for less, or raise [server] call_timeout_s."
            )
        )

    def end(self, error: CallError) -> None:
        """Cancel the call; it is answered with *error*. Once; later reasons are ignored."""
        if self._error is None and self.task is not None:
            self._error = error
            self.task.cancel()

    def reason(self) -> CallError | None:
        """Return why the task was cancelled, or None where that was not by this deadline. Clears the cancellation."""
        if self._error is not None and self.task is not None:
            self.task.uncancel()
        return self._error
