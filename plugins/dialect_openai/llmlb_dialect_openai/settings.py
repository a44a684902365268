"""``[plugins.dialect_openai]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class OpenAISettings:
    """Where pictures that were drawn here can be fetched, and for how long."""

    public_url: str = setting(
        "", "Where clients reach this server, such as `https://ai.example.org`; absent = as the call's own `Host` header says."
    )
    picture_ttl_s: float = setting(3600.0, "How long the URL of a picture is good.", minimum=1, maximum=7 * 86400)
    picture_max_count: int = setting(2000, "How many pictures are kept; the oldest go first.", minimum=1)
    picture_max_bytes: int = setting(512 * 1024 * 1024, "All pictures together; the oldest go first.", minimum=1024 * 1024)
    speech_max_characters: int = setting(5000, "The longest text that is spoken in one call.", minimum=1)
