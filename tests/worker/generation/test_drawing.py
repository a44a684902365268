"""What the harness does for engines that draw: sizes, uploads, failures of one picture of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from attrs import evolve
from llmlb_testing.pictures import png, png_head

from llmlb_core import (
    Blob,
    Cancel,
    Device,
    Fit,
    ImageEngine,
    ImageRequest,
    LocalModel,
    ModelFacts,
    Picture,
    PictureFailed,
    Placement,
    Unfit,
)
from llmlb_core.errors import EngineFailed, InvalidRequest
from llmlb_core.worker.generation import generate
from llmlb_core.worker.media.pictures import MAX_PICTURE_BYTES

MODEL = LocalModel("painter", ModelFacts("test"))
REQUEST = ImageRequest(prompt="x", n=3, width=256, height=256)


class Painter(ImageEngine):
    """Draws the same picture for everybody, or fails at some.

    Attributes:
        script: For each picture: ``drawn``, ``failed``, or an exception.
    """

    name = "painter"
    native_sizes = ((64, 48),)

    def __init__(self, *script: str | Exception) -> None:
        """Follow *script*."""
        self.script = script
        self.seen: list[ImageRequest] = []

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit | Unfit:
        """Always."""
        del facts, devices
        return Fit(1, 0, "for tests")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None:
        """Nothing."""

    def draw(self, request: ImageRequest, cancel: Cancel) -> Iterator[Picture | PictureFailed]:
        """Follow the script."""
        del cancel
        self.seen.append(request)
        for index, what in enumerate(self.script):
            if isinstance(what, Exception):
                raise what
            yield Picture(index, b"png", 1, 1, index) if what == "drawn" else PictureFailed(index, "It is too dark.")


async def drawn(engine: ImageEngine, request: ImageRequest = REQUEST) -> list[object]:
    """Return all that comes of *request*."""
    return [each async for each in generate(engine, MODEL, request, Cancel())]


async def refusal(request: ImageRequest) -> tuple[str, str | None]:
    """Return code and parameter of the refusal; the engine never sees the request."""
    painter = Painter("drawn")
    with pytest.raises(InvalidRequest) as caught:
        await drawn(painter, request)
    assert not painter.seen
    return caught.value.code, caught.value.param


async def test_failures_come_after_the_pictures():
    """A renderer may write what it has; one that is listed as failed is not drawn later."""
    found = await drawn(Painter("failed", "drawn", "failed"))

    assert [Picture, PictureFailed, PictureFailed] == [type(each) for each in found]
    assert [1, 0, 2] == [each.index for each in found if isinstance(each, Picture | PictureFailed)]


async def test_an_engine_that_raises_keeps_what_was_drawn():
    """The rest is failed, by the class of what was raised and not by its text."""
    found = await drawn(Painter("drawn", LookupError("/secret/path")))

    assert isinstance(found[0], Picture)
    assert [PictureFailed(index, "The engine raised LookupError.") for index in (1, 2)] == found[1:]


async def test_an_engine_that_raises_at_once_raises():
    """As every engine does; refusals keep their class."""
    for error in (LookupError("x"), InvalidRequest("x", param="prompt")):
        with pytest.raises(type(error)):
            await drawn(Painter(error))


@pytest.mark.parametrize(("n", "code"), [(1, "generation_failed"), (2, "all_generations_failed")])
async def test_nothing_drawn_is_an_error(n: int, code: str):
    """With the engine's reason (ae3f974e-I1)."""
    with pytest.raises(EngineFailed, match=r"It is too dark\.") as caught:
        await drawn(Painter(*["failed"] * n), evolve(REQUEST, n=n))

    assert code == caught.value.code


async def test_sizes_are_those_of_the_api_and_of_the_model():
    """Five for pictures of a prompt, three squares for edits and variations (ae3f974e-F4); any model's own, and none."""
    image = Blob(png())
    for width, height in ((1792, 1024), (1024, 1792), (64, 48), (None, None)):
        assert await drawn(Painter("drawn"), evolve(REQUEST, width=width, height=height))
    for side in (256, 512, 1024):
        assert await drawn(Painter("drawn"), evolve(REQUEST, task="vary", image=image, width=side, height=side))

    assert ("invalid_size", "size") == await refusal(evolve(REQUEST, width=1024, height=1023))
    assert ("invalid_size", "size") == await refusal(evolve(REQUEST, task="edit", image=image, width=1792, height=1024))


async def test_uploads_are_looked_at_before_an_engine_is(tmp_path: Path):
    """By their bytes, whatever they are called; large ones lie in files."""
    edit = evolve(REQUEST, task="edit", prompt="x")
    large = tmp_path / "large"
    large.write_bytes(png() + bytes(MAX_PICTURE_BYTES))
    good = tmp_path / "good"
    good.write_bytes(png(8, 8))

    assert ("missing_image", "image") == await refusal(edit)
    assert ("empty_image", "image") == await refusal(evolve(edit, image=Blob(b"")))
    assert ("image_too_large", "image") == await refusal(evolve(edit, image=Blob(path=str(large))))
    assert ("unsupported_format", "image") == await refusal(evolve(edit, image=Blob(b"I am a PNG")))
    assert ("unsupported_format", "mask") == await refusal(evolve(edit, image=Blob(png()), mask=Blob(b"\xff\xd8\xff nothing")))
    assert ("image_dimensions_too_large", "image") == await refusal(evolve(edit, image=Blob(png_head(4097, 4096))))
    assert ("mask_size_mismatch", "mask") == await refusal(evolve(edit, image=Blob(path=str(good)), mask=Blob(png(4, 8))))
    assert await drawn(Painter("drawn"), evolve(edit, image=Blob(path=str(good)), mask=Blob(png(8, 8))))
