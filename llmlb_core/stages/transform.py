"""Stage 5: call → call. The canonical request is decoded here, where something needs it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target


class Transform:
    """Reads the whole body when the call cannot pass through as bytes.

    Decoding happens before a call may wait, so that bad input is refused at once and takes no slot.
    """

    def __call__(self, call: Call, targets: Sequence[Target]) -> Call:
        """Return *call*, with its canonical request unless everything it may be sent to takes the body as it is.

        Raises:
            InvalidRequest: With the ``param`` that is wrong.
        """
        for target in targets:
            if not target.speaks(call.dialect.name):
                break
        else:
            return call
        decoded = call.dialect.decode(call.route, call.body)
        return evolve(call, request=decoded.request, ignored=decoded.ignored)
