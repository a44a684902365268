"""The kit for engines that draw."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Literal

import attrs
import pytest

from llmlb_core import Blob, Cancel, DrawingStep, ImageEngine, ImageRequest, LocalModel, ModelFacts, Picture, PictureFailed
from llmlb_core.domain.picture_facts import picture_facts
from llmlb_core.errors import CallError, InvalidRequest
from llmlb_testing.contracts.engine import EngineContract
from llmlb_testing.pictures import png, png_head

STEPS = 3
STOP_TIMEOUT_S = 30.0


class ImageEngineContract(EngineContract):
    """Rules of ``llmlb_core.ImageEngine``. Needs a fixture ``engine``; see ``EngineContract``."""

    wish = ImageRequest(prompt="a red circle on blue", width=256, height=256, steps=STEPS, seed=7)
    """What is asked for; small, since the kit draws it some dozen times."""

    def test_a_picture_is_a_png_of_the_size_asked_for(self, engine: ImageEngine) -> None:
        """However the model draws; what the result says of itself is true."""
        for width, height in ((256, 256), (1024, 1792), *engine.native_sizes):
            (picture,) = _drawn(engine, attrs.evolve(self.wish, width=width, height=height))
            facts = picture_facts(picture.png)

            assert facts is not None
            assert (facts.format, facts.width, facts.height) == ("png", width, height)
            assert (picture.width, picture.height) == (width, height)

    def test_without_a_size_it_draws_its_own(self, engine: ImageEngine) -> None:
        """``auto``: what it is best at."""
        (picture,) = _drawn(engine, attrs.evolve(self.wish, width=None, height=None))

        assert not engine.native_sizes or (picture.width, picture.height) in engine.native_sizes

    def test_the_same_seed_gives_the_same_picture(self, engine: ImageEngine) -> None:
        """Clients note the seed to have a picture again; another seed is another picture."""
        first, again = (_drawn(engine, self.wish)[0] for _ in range(2))
        (other,) = _drawn(engine, attrs.evolve(self.wish, seed=8))

        assert first == again
        assert first.png != other.png

    def test_picture_i_has_seed_plus_i(self, engine: ImageEngine) -> None:
        """In order, and each as if it were drawn alone: the second picture of seed 7 is the first of seed 8."""
        both = _drawn(engine, attrs.evolve(self.wish, n=2))
        (second,) = _drawn(engine, attrs.evolve(self.wish, seed=8))

        assert [(picture.index, picture.seed) for picture in both] == [(0, 7), (1, 8)]
        assert both[1].png == second.png

    def test_without_a_seed_pictures_differ(self, engine: ImageEngine) -> None:
        """And the one that was chosen is told."""
        request = attrs.evolve(self.wish, seed=None)
        (first,), (second,) = _drawn(engine, request), _drawn(engine, request)

        assert first.seed != second.seed
        assert first.png != second.png

    def test_steps_are_told_to_who_listens(self, engine: ImageEngine) -> None:
        """Each once, in order, before its picture, and they change nothing of it; nobody listens: none."""
        plain = list(engine.draw(self.wish, Cancel()))
        told = list(engine.draw(attrs.evolve(self.wish, wants_steps=True), Cancel()))
        steps = [item for item in told if isinstance(item, DrawingStep)]

        assert plain == [told[-1]]
        assert [step.step for step in steps] == list(range(1, len(steps) + 1))
        assert {(step.index, step.count) for step in steps} <= {(0, len(steps))}

    def test_previews_are_pictures(self, engine: ImageEngine) -> None:
        """At most as many as asked for, of any size; an engine may have none."""
        request = attrs.evolve(self.wish, wants_steps=True, previews=2)
        shown = [item.preview for item in engine.draw(request, Cancel()) if isinstance(item, DrawingStep) and item.preview]

        assert len(shown) <= 2
        assert all(picture_facts(preview) is not None for preview in shown)

    @pytest.mark.parametrize("task", ["edit", "vary"])
    def test_pictures_are_worked_on_or_refused(self, engine: ImageEngine, task: Literal["edit", "vary"]) -> None:
        """A task that the model has no way for is an ``InvalidRequest``."""
        request = attrs.evolve(self.wish, task=task, image=Blob(png(64, 64)), prompt="" if task == "vary" else "red")
        try:
            (picture,) = _drawn(engine, request)
        except InvalidRequest as error:
            assert error.param  # noqa: PT017  # it may be done as well
        else:
            assert picture.png != _drawn(engine, attrs.evolve(self.wish, prompt=request.prompt))[0].png

    def test_a_cancel_ends_it_between_steps(self, engine: ImageEngine) -> None:
        """Nobody wants the rest: the iterator ends soon, without the other pictures."""
        cancel = Cancel()
        found: list[object] = []

        def draw() -> None:
            for item in engine.draw(attrs.evolve(self.wish, n=10, steps=100, wants_steps=True), cancel):
                found.append(item)
                cancel.set()

        thread = threading.Thread(target=draw, daemon=True)
        thread.start()
        thread.join(STOP_TIMEOUT_S)

        assert not thread.is_alive()
        assert len([item for item in found if isinstance(item, Picture)]) <= 1

    @pytest.mark.asyncio
    async def test_requests_go_through_the_harness(self, engine: ImageEngine) -> None:
        """What a client sees: the engine's own pictures."""
        found = await _through_harness(engine, self.wish)

        assert found == _drawn(engine, self.wish)

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"width": 123, "height": 77}, "invalid_size"),
            ({"task": "edit"}, "missing_image"),
            ({"task": "edit", "image": Blob(b"")}, "empty_image"),
            ({"task": "edit", "image": Blob(b"no picture at all")}, "unsupported_format"),
            ({"task": "edit", "image": Blob(png_head(60_000, 60_000))}, "image_dimensions_too_large"),
            ({"task": "edit", "image": Blob(png(64, 64)), "mask": Blob(png(32, 32))}, "mask_size_mismatch"),
            ({"task": "edit", "image": Blob(png(64, 64)[:60])}, "corrupted_image"),
        ],
    )
    async def test_what_is_wrong_is_told(self, engine: ImageEngine, wrong: dict[str, object], code: str) -> None:
        """With its code and parameter, before anything is drawn; an engine that edits nothing may refuse the last for that."""
        request = attrs.evolve(self.wish, **wrong)  # type: ignore[arg-type]  # fields of the request

        with pytest.raises(InvalidRequest) as caught:
            await _through_harness(engine, request)

        assert caught.value.code in {code, "unsupported_parameter"} if code == "corrupted_image" else caught.value.code == code
        assert caught.value.param


def _drawn(engine: ImageEngine, request: ImageRequest) -> list[Picture]:
    """Return the pictures; the kit asks for what every model can do."""
    return list(_pictures(engine.draw(request, Cancel())))


def _pictures(items: Iterator[DrawingStep | Picture | PictureFailed]) -> Iterator[Picture]:
    for item in items:
        if isinstance(item, PictureFailed):
            raise CallError(item.reason)
        if isinstance(item, Picture):
            yield item


async def _through_harness(engine: ImageEngine, request: ImageRequest) -> list[object]:
    from llmlb_core.worker.generation import generate

    model = LocalModel("test-model", ModelFacts(format=(engine.formats or ("",))[0]))
    return [each async for each in generate(engine, model, request, Cancel())]
