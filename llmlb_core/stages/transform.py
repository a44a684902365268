"""Stage 5: call → call. The canonical request is decoded here, where something needs it."""

from __future__ import annotations

from typing import Protocol

from attrs import evolve

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.errors import InvalidRequest


class PartsPreparer(Protocol):
    """Looks at the parts of messages that are no text."""

    async def prepared(self, call: Call, targets: tuple[Target, ...]) -> Call:
        """Return *call* with its parts as *targets* can take them; *call* itself where nothing changes."""
        ...


class Transform:
    """Reads the whole body when the call cannot pass through as bytes.

    Decoding happens before a call may wait, so that bad input is refused at once and takes no slot.
    """

    def __init__(self, *preparers: PartsPreparer) -> None:
        """Have images and recordings looked at by *preparers*, in this order."""
        self._preparers = preparers

    async def with_parts(self, call: Call, targets: tuple[Target, ...]) -> tuple[Call, tuple[Target, ...]]:
        """Do the same for a call that may hold images or recordings.

        Raises:
            CallError: Also as ``Pictures.prepared`` and ``Sounds.prepared`` say.
        """
        for each in self._preparers:
            call = await each.prepared(call, targets)
        return self(call, targets)

    def __call__(self, call: Call, targets: tuple[Target, ...]) -> tuple[Call, tuple[Target, ...]]:
        """Return *call*, with its canonical request unless everything it may be sent to takes the body as it is.

        A body that only fallback models cannot be given is no bad input: they are left out.

        Raises:
            InvalidRequest: With the ``param`` that is wrong.
        """
        name = call.dialect.name
        for target in targets:
            if not target.speaks(name):
                break
        else:
            return call, targets
        try:
            form, dialect = call.form, call.dialect
            decoded = dialect.decode(call.route, call.body) if form is None else dialect.decode_form(call.route, form)
        except InvalidRequest:
            if not targets[0].speaks(name):
                raise
            return call, tuple([each for each in targets if each.speaks(name)])
        return evolve(call, request=decoded.request, ignored=decoded.ignored), targets
