"""One way in which a server breaks."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

FOR_EVER = math.inf
AT_HEAD = -1
"""As ``break_at``: before the first byte of the answer."""

Break = Literal["", "reset", "cut", "end", "stall"]
"""RST; FIN in the middle of the HTTP message; its proper end too early; silence."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How one answer differs from a good one; without arguments it does not.

    Events of a stream are counted from 0: the role, then one event a word, the finish reason, the usage if it was asked for, the
    sentinel.

    Attributes:
        head_delay_s: Silence before the head; infinite = for ever.
        first_delay_s: Silence between the head and the first event, or the body.
        between_s: Silence before each further event.
        status: Of the answer; other than 200, *body* is all of it.
        headers: Further ones.
        body: Instead of the answer; None = as is usual for *status*.
        content_type: Of *body*.
        instead: Bytes instead of any HTTP.
        length_delta: Told in ``content-length`` beyond the real length.
        break_how: How it breaks at *break_at*; empty = not at all.
        break_at: Before which event; of a plain answer: anything but ``AT_HEAD`` is its middle.
        break_byte: At which byte of the body instead; it may be in the middle of an event.
        insert: Bytes that stand before event *insert_at*, as an event.
        is_raw: Whether *insert* stands outside HTTP's framing too.
        insert_at: See *insert*.
        omit: Events that are left out.
        repeat_at: Event that comes twice; None = none does.
        finish: The finish reason.
        word_bytes: Each word is filled up to so many bytes.
        is_slow: One byte at a time.
        varies: The text is another one every time, as without a seed.
        lingers: The connection stays open after the last event, without the end of the message.
        forgets_choice: The second of several choices never finishes.
    """

    head_delay_s: float = 0.0
    first_delay_s: float = 0.0
    between_s: float = 0.0
    status: int = 200
    headers: dict[str, str] = {}
    body: str | None = None
    content_type: str = "application/json"
    instead: bytes | None = None
    length_delta: int = 0
    break_how: Break = ""
    break_at: int = AT_HEAD
    break_byte: int | None = None
    insert: bytes = b""
    is_raw: bool = False
    insert_at: int = 0
    omit: tuple[Literal["role", "finish", "usage", "sentinel"], ...] = ()
    repeat_at: int | None = None
    finish: str = "stop"
    word_bytes: int = 0
    is_slow: bool = False
    varies: bool = False
    lingers: bool = False
    forgets_choice: bool = False


WORKS = Fault()
"""No fault."""
