"""``[images]``: the images that clients send."""

from __future__ import annotations

from attrs import frozen

from llmlb_core.settings.declare import setting


@frozen
class ImagesSettings:
    """``[images]``: images in chat."""

    max_count: int = setting(10, "Images in one request.", minimum=1, maximum=1000)
    max_bytes: int = setting(10 * 1024 * 1024, "Size of one image.", minimum=1024)
    max_pixels: int = setting(50_000_000, "Width times height of one image, as its head says.", minimum=1)
    fetch: bool = setting(True, "Whether images that are named by a URL are fetched.")
    fetch_timeout_s: float = setting(30.0, "How long a fetch may take, redirects included.", minimum=0.1, maximum=300)
    allowed_hosts: tuple[str, ...] = setting(
        (), "`host` or `host:port` that images may be fetched from although their addresses are private."
    )
