"""Stage 5: call → call. The canonical request is decoded here, where something needs it."""

from __future__ import annotations

from attrs import evolve

from llmlb_core.domain.calls import Call


class Transform:
    """Reads the whole body when the call cannot pass through as bytes.

    Decoding happens before a call may wait, so that bad input is refused at once and takes no slot.
    """

    def __call__(self, call: Call) -> Call:
        """Return *call* with its canonical request.

        Raises:
            InvalidRequest: With the ``param`` that is wrong.
        """
        decoded = call.dialect.decode(call.route, call.body)
        return evolve(call, request=decoded.request, ignored=decoded.ignored)
