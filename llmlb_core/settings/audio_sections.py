"""``[audio]``: the recordings that clients send in chats."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from llmlb_core.settings.declare import setting


@frozen
class AudioSettings:
    """``[audio]``: recordings in chat."""

    transcribe_with: str | None = setting(
        None, "Model that writes recordings down for chat models that take none; absent = such chats are refused."
    )
    transcribe_for: Literal["local", "all"] = setting(
        "local",
        "Whose recordings are written down: `local` = chats with models that cannot be given them, as those of this machine; "
        "`all` = also chats with models of servers that are not known to take sound (`audio` in their capabilities).",
    )
    max_count: int = setting(10, "Recordings in one request.", minimum=1, maximum=1000)
    max_bytes: int = setting(25 * 1024 * 1024, "Size of one recording.", minimum=1024)
    max_body_bytes: int = setting(
        36 * 1024 * 1024,
        "Largest body of a chat, in place of `[server] max_body_bytes`, where `transcribe_with` is set.",
        minimum=1024,
    )
    large_body_count: int = setting(
        4, "How many chats may be here at a time whose bodies are above `[server] max_body_bytes`.", minimum=1, maximum=1000
    )
