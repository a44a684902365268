"""Stage 2 where recordings are written down: chats may be as large as a recording in base64, a few at a time."""

from __future__ import annotations

from llmlb_core.contracts.dialect import Entry
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.calls import Call, Head
from llmlb_core.domain.principals import Principal
from llmlb_core.errors import NoRoomForUpload
from llmlb_core.settings.sections import AudioSettings, ServerSettings
from llmlb_core.stages.parse import Parse
from llmlb_core.uploads.reader import Uploads


class ParseLarge(Parse):
    """Takes chats above ``[server] max_body_bytes`` up to ``[audio] max_body_bytes``.

    A class of its own, so that servers without recordings pay nothing for it. While such a body is read, memory holds up to three
    times its size; so only a few may be here at a time, and one whose length is not announced gets no more than others.
    """

    def __init__(self, settings: ServerSettings, uploads: Uploads, audio: AudioSettings) -> None:
        """Take the limits from *settings* and *audio*."""
        super().__init__(settings, uploads)
        self._audio = audio
        self._ids: set[str] = set()

    async def __call__(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call:
        """Return the call.

        Raises:
            CallError: As ``Parse`` says.
            NoRoomForUpload: As many large ones as may are here.
        """
        route = entry.route
        size = (_announced(head, outlet) or 0) if route.sound_mark else 0
        if size <= min(route.max_body_bytes, self._settings.max_body_bytes):
            return await super().__call__(head, entry, principal, outlet)
        if len(self._ids) >= self._audio.large_body_count:
            raise NoRoomForUpload(
                f"This request has {size} bytes, and {len(self._ids)} as large ones are here already "
                "([audio] large_body_count). Try again in a moment.",
                retry_after_s=5.0,
            )
        self._ids.add(head.id)
        try:
            max_bytes = min(route.max_body_bytes, self._audio.max_body_bytes)
            return self._call(head, entry, principal, await outlet.body(max_bytes, self._settings.body_timeout_s))
        except BaseException:
            self._ids.discard(head.id)
            raise

    def end(self, call: Call | None) -> None:
        """Give the place of *call* to the next, and delete what it left on disk."""
        if call is not None and self._ids:
            self._ids.discard(call.id)
        super().end(call)


def _announced(head: Head, outlet: Outlet) -> int | None:
    """Return how long the body is, as the client said."""
    size = outlet.announced_bytes()
    if size is not None:
        return size
    said = head.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None
