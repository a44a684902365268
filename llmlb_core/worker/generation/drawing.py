"""An image request, answered by an engine."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from llmlb_core.contracts.engine import Cancel
from llmlb_core.contracts.media_engines import ImageEngine
from llmlb_core.domain.media import DrawingStep, ImageRequest, Picture, PictureFailed
from llmlb_core.errors import CallError, EngineFailed, InvalidRequest
from llmlb_core.worker.generation.pieces import pieces
from llmlb_core.worker.generation.threads import in_thread
from llmlb_core.worker.media.pictures import check_pictures

SQUARES = ((256, 256), (512, 512), (1024, 1024))
SIZES = (*SQUARES, (1792, 1024), (1024, 1792))

log = logging.getLogger(__name__)

Drawn = DrawingStep | Picture | PictureFailed


async def draw(engine: ImageEngine, request: ImageRequest, cancel: Cancel) -> AsyncGenerator[Drawn, None]:
    """Yield the pictures, and the steps before each where they are wanted.

    An engine that fails at one of several pictures keeps the others: that one is a ``PictureFailed``, and so are those after it
    where the engine raised.

    Raises:
        InvalidRequest: A size that is neither the API's nor the model's, or files that are no such pictures.
        EngineFailed: Not one picture could be drawn.
    """
    _check_size(engine, request)
    await in_thread(lambda: check_pictures(request), engine, cancel)
    if cancel.is_set:
        return
    drawn, failures = 0, list[PictureFailed]()
    try:
        async with aclosing(pieces(engine, engine.draw, request, cancel)) as found:
            async for item in found:
                if isinstance(item, PictureFailed):
                    failures.append(item)
                    continue
                drawn += isinstance(item, Picture)
                yield item
    except Exception as error:
        if not drawn:
            raise
        log.exception("the engine %s raised after %d of %d pictures", engine.name, drawn, request.n)
        reason = error.message if isinstance(error, CallError) else f"The engine raised {type(error).__name__}."
        failures += [PictureFailed(index, reason) for index in range(drawn + len(failures), request.n)]
    if failures and not drawn:
        raise _all_failed(engine, request, failures)
    for failure in failures:
        yield failure


def _all_failed(engine: ImageEngine, request: ImageRequest, failures: list[PictureFailed]) -> EngineFailed:
    reason = failures[0].reason
    what = "The picture" if request.n == 1 else f"None of the {request.n} pictures"
    verb = "could not be drawn" if request.n == 1 else "could be drawn"
    code = "generation_failed" if request.n == 1 else "all_generations_failed"
    return EngineFailed(f"{what} {verb} by the engine {engine.name!r}: {reason}", code=code)


def _check_size(engine: ImageEngine, request: ImageRequest) -> None:
    if request.width is None or request.height is None:
        return
    sizes = dict.fromkeys((*(SIZES if request.task == "generate" else SQUARES), *engine.native_sizes))
    if (request.width, request.height) not in sizes:
        listed = ", ".join(f"{width}x{height}" for width, height in sizes)
        raise InvalidRequest(
            f"Invalid size {request.width}x{request.height}: this model draws {listed}, or 'auto'.",
            param="size",
            code="invalid_size",
        )
