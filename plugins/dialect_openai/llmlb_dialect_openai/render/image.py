"""Pictures: one object with URLs or base64, or events with what is drawn so far."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import msgspec

from llmlb_core import Call, DrawingStep, ImageRequest, Operation, Picture, PictureFailed, Renderer, Result, Usage
from llmlb_core.errors import CallError, EngineFailed
from llmlb_dialect_openai.error_document import error_document
from llmlb_dialect_openai.pictures.gallery import Gallery
from llmlb_dialect_openai.render.parts import JSON, SSE, Json, error_frame
from llmlb_dialect_openai.text import dumps

DRAWING_STEP = "llmlb.drawing_step"
DRAWING_FAILED = "llmlb.drawing_failed"


class _Body(msgspec.Struct):
    response_format: object = None
    quality: object = None


def _wish(call: Call, name: str) -> object:
    """Return what the body of *call* says of *name*; it was checked."""
    if call.form is not None:
        return call.form.text(name)
    try:
        return getattr(msgspec.json.decode(call.body, type=_Body), name)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _usage(usage: Usage | None) -> Json:
    tokens = usage.prompt_tokens if usage is not None else 0
    details = {"image_tokens": 0, "text_tokens": tokens}
    return {"input_tokens": tokens, "input_tokens_details": details, "output_tokens": 0, "total_tokens": tokens}


def _wanted(result: Result) -> DrawingStep | Picture | PictureFailed:
    if isinstance(result, DrawingStep | Picture | PictureFailed):
        return result
    raise EngineFailed("The model answered with something else where pictures were asked for; see the plugin that serves it.")


def _base64(png: bytes) -> str:
    return base64.b64encode(png).decode()


class ImageAnswer(Renderer):
    """Collects the pictures and writes one object; those that failed are named beside those that did not."""

    content_type = JSON

    def __init__(self, gallery: Gallery | None, call: Call, model: str) -> None:
        """Remember in which form the pictures are wanted."""
        del model
        self._created = int(time.time())
        self._shown: Callable[[bytes], Json]
        if _wish(call, "response_format") == "b64_json":
            self._shown = lambda png: {"b64_json": _base64(png)}
        elif gallery is None:
            self._shown = lambda png: {"url": f"data:image/png;base64,{_base64(png)}"}
        else:
            self._shown = lambda png: {"url": gallery.publish(png, call.head)}
        self._pictures: list[Json] = []
        self._failed: list[Json] = []
        self._usage: Usage | None = None

    def feed(self, result: Result) -> bytes:
        """Collect."""
        item = _wanted(result)
        if isinstance(item, Picture):
            self._pictures.append({**self._shown(item.png), "seed": item.seed})
            self._usage = item.usage
        elif isinstance(item, PictureFailed):
            self._failed.append({"index": item.index, "reason": item.reason})
        return b""

    def end(self) -> bytes:
        """Return the answer.

        Raises:
            EngineFailed: No picture came.
        """
        if not self._pictures:
            raise EngineFailed("The answer ended before any picture came; try the call again.", code="generation_failed")
        failed = {"failed": self._failed} if self._failed else {}
        return dumps(
            {
                "created": self._created,
                "data": self._pictures,
                "output_format": "png",
                "background": "opaque",
                "usage": _usage(self._usage),
                **failed,
            }
        )

    def error(self, error: CallError) -> bytes:
        """Return the error document; nothing was sent before it."""
        return error_document(error)


class ImageStream(Renderer):
    """Writes an event a step, a preview or a picture; always base64, as OpenAI's service does."""

    content_type = SSE

    def __init__(self, call: Call, model: str) -> None:
        """Name the events after the route."""
        del model
        self._kind = "image_edit" if call.route.operation is Operation.IMAGE_EDIT else "image_generation"
        quality = "high" if _wish(call, "quality") in ("hd", "high") else "medium"
        self._head: Json = {"created_at": int(time.time()), "background": "opaque", "output_format": "png", "quality": quality}
        request = call.request
        self._sizes = request if isinstance(request, ImageRequest) else ImageRequest()
        self._preview_count = 0
        self._is_done = False

    def feed(self, result: Result) -> bytes:
        """Return the events of one result."""
        item = _wanted(result)
        if isinstance(item, PictureFailed):
            return _event({"type": DRAWING_FAILED, "index": item.index, "reason": item.reason})
        if isinstance(item, Picture):
            return self._completed(item)
        shown = self._partial(item) if item.preview else b""
        return _event({"type": DRAWING_STEP, "index": item.index, "step": item.step, "count": item.count}) + shown

    def _completed(self, picture: Picture) -> bytes:
        self._is_done = True
        self._preview_count = 0
        return _event(
            {
                "type": f"{self._kind}.completed",
                **self._head,
                "b64_json": _base64(picture.png),
                "size": f"{picture.width}x{picture.height}",
                "usage": _usage(picture.usage),
                "index": picture.index,
                "seed": picture.seed,
            }
        )

    def _partial(self, step: DrawingStep) -> bytes:
        index, self._preview_count = self._preview_count, self._preview_count + 1
        width, height = self._sizes.width, self._sizes.height
        return _event(
            {
                "type": f"{self._kind}.partial_image",
                **self._head,
                "b64_json": _base64(step.preview),
                "partial_image_index": index,
                "size": f"{width}x{height}" if width and height else "auto",
                "index": step.index,
            }
        )

    def end(self) -> bytes:
        """Return nothing: the last picture's event is the last.

        Raises:
            EngineFailed: No picture came.
        """
        if not self._is_done:
            raise EngineFailed("The answer ended before any picture came; try the call again.", code="generation_failed")
        return b""

    def error(self, error: CallError) -> bytes:
        """Return an in-band error."""
        return error_frame(error)


def _event(document: Json) -> bytes:
    """Return a server-sent event named as its type."""
    return b"event: %b\ndata: %b\n\n" % (str(document["type"]).encode(), dumps(document))
