"""Part of stage 5: the images of a call are looked at, and those that are only named are fetched (e03a404c).

Servers that see images get them as data URLs: what a client names, this server fetches within its limits, so that neither a client
nor a model's server decides what is asked of the network here.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64encode

from attrs import evolve

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.picture_facts import FORMATS, picture_facts
from llmlb_core.errors import InvalidRequest
from llmlb_core.security.fetching import Fetcher
from llmlb_core.security.url_policy import UrlPolicy
from llmlb_core.settings.image_sections import ImagesSettings

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.=+-]+)*),", re.IGNORECASE)
_SLICE_CHARACTERS = 64 * 1024
_HEAD_BYTES = 256 * 1024
"""Where the size of a picture stands at the latest; a JPEG may have a preview before it."""
_AT_ONCE_CHARACTERS = 64 * 1024


class Pictures:
    """Checks and fetches."""

    def __init__(self, settings: ImagesSettings) -> None:
        """Take the limits from *settings*; nothing is connected."""
        self._settings = settings
        self._fetcher = Fetcher(UrlPolicy.of(settings.allowed_hosts), settings.fetch_timeout_s, settings.max_bytes)

    async def prepared(self, call: Call, targets: tuple[Target, ...]) -> Call:
        """Return *call* with every image in its body, all of them looked at.

        Raises:
            InvalidRequest: With the digest's codes: ``too_many_images``, ``image_too_large``, ``unsupported_format``,
                ``invalid_base64``, ``corrupted_image``, ``fetch_failed``, ``fetch_timeout``.
        """
        del targets  # whoever sees takes data URLs
        if not call.route.image_mark or call.route.image_mark not in call.body:
            return call
        images = call.dialect.images(call.route, call.body)
        if len(images) > self._settings.max_count:
            raise InvalidRequest(
                f"There are {len(images)} images in this request; at most {self._settings.max_count} are taken.",
                param=images[self._settings.max_count].param,
                code="too_many_images",
            )
        try:
            async with asyncio.TaskGroup() as group:  # the first that is wrong ends the fetches of all others
                tasks = [group.create_task(self._ready(image.url, image.param)) for image in images]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        fetched = [task.result() for task in tasks]
        if all(url is None for url in fetched):
            return call
        new_urls = [url or image.url for url, image in zip(fetched, images, strict=True)]
        body = await asyncio.to_thread(call.dialect.with_images, call.route, call.body, new_urls)
        return evolve(call, body=body)

    async def _ready(self, url: str, param: str) -> str | None:
        """Return the data URL of an image that had to be fetched; None where it was here."""
        try:
            if url[:5].lower() != "data:":
                return await self._fetched(url)
            if len(url) <= _AT_ONCE_CHARACTERS:
                self._check_data(url)
            else:
                await asyncio.to_thread(self._check_data, url)
        except InvalidRequest as error:
            error.param = param
            raise
        return None

    async def _fetched(self, url: str) -> str:
        if not self._settings.fetch:
            raise InvalidRequest("Images are not fetched here: send a data URL.", code="fetch_failed")
        data = await self._fetcher.get(url)
        return await asyncio.to_thread(_data_url, self._check(data[:_HEAD_BYTES]), data)

    def _check_data(self, url: str) -> None:
        """Read all of a data URL, piece by piece: other threads get their turn meanwhile."""
        head = _DATA_URL.match(url[:256])
        if head is None or not head[2].lower().endswith(";base64"):
            raise InvalidRequest("An image is sent as 'data:image/…;base64,…'.", code="invalid_base64")
        at, size = head.end(), 0
        first = b""
        limit = self._settings.max_bytes
        if (len(url) - at) * 3 // 4 > limit + 2:
            raise InvalidRequest(f"This image is larger than {limit} bytes.", code="image_too_large")
        while at < len(url):
            try:
                piece = binascii.a2b_base64(url[at : at + _SLICE_CHARACTERS].encode("ascii"), strict_mode=True)
            except (binascii.Error, UnicodeEncodeError):
                raise InvalidRequest("The data of this image is not valid base64.", code="invalid_base64") from None
            if len(first) < _HEAD_BYTES:
                first += piece
            size += len(piece)
            at += _SLICE_CHARACTERS
        if size > limit:
            raise InvalidRequest(f"This image has {size} bytes; at most {limit} are taken.", code="image_too_large")
        self._check(first)

    def _check(self, head: bytes) -> str:
        """Return the format of the picture that begins with *head*."""
        facts = picture_facts(head)
        known = ", ".join(FORMATS)
        if facts is None:
            if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")):
                raise InvalidRequest("This image is damaged: its head tells no size.", code="corrupted_image")
            raise InvalidRequest(f"This is no image of a known format; expected one of {known}.", code="unsupported_format")
        if facts.pixels > self._settings.max_pixels:
            raise InvalidRequest(
                f"This image has {facts.width} × {facts.height} pixels; at most {self._settings.max_pixels} are taken.",
                code="image_too_large",
            )
        return facts.format


def _data_url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
