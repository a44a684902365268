"""The engine called directly: failures, masks, uploads, previews."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llmlb_engine_diffusers.engine import DiffusersEngine
from llmlb_engine_diffusers.job import Job
from llmlb_engine_diffusers.stepping import preview_steps
from llmlb_testing.engines import loaded
from llmlb_testing.pipelines import write_tiny_pipeline
from PIL import Image

from llmlb_core import Blob, Cancel, DrawingStep, ImageRequest, LocalModel, ModelFacts, Picture, PictureFailed
from llmlb_core.errors import EngineFailed, InvalidRequest
from llmlb_core.worker.generation import generate

FileOf = Callable[[Image.Image], bytes]
MODEL = LocalModel("tiny", ModelFacts("diffusers"))
REQUEST = ImageRequest(prompt="a red circle", n=3, width=256, height=256, steps=2, seed=1)


@pytest.fixture
def fails_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make pictures of some seeds fail as torch does."""

    def at(*seeds: int, error: Exception) -> None:
        whole = Job.run

        def run(self: Job, seed: int, cancel: Cancel, on_step: Any) -> Any:
            if seed in seeds:
                raise error
            return whole(self, seed, cancel, on_step)

        monkeypatch.setattr(Job, "run", run)

    return at


async def test_one_picture_that_fails_leaves_the_others(engine: DiffusersEngine, fails_at: Callable[..., None]):
    """Successes are answered, in order; the reason is one that a client may read (ae3f974e-I1)."""
    fails_at(2, error=RuntimeError("DefaultCPUAllocator: can't allocate memory: /secret/path"))

    found = [each async for each in generate(engine, MODEL, REQUEST, Cancel())]

    assert [0, 2] == [each.index for each in found if isinstance(each, Picture)]
    (failed,) = [each for each in found if isinstance(each, PictureFailed)]
    assert 1 == failed.index
    assert "not enough memory" in failed.reason
    assert "secret" not in failed.reason


@pytest.mark.parametrize(("n", "code"), [(3, "all_generations_failed"), (1, "generation_failed")])
async def test_pictures_that_all_fail_are_an_error(engine: DiffusersEngine, fails_at: Callable[..., None], n: int, code: str):
    """A 5xx with its code, so that another server may be tried."""
    from attrs import evolve

    fails_at(1, 2, 3, error=RuntimeError("CUDA error"))

    with pytest.raises(EngineFailed) as caught:
        _ = [each async for each in generate(engine, MODEL, evolve(REQUEST, n=n), Cancel())]

    assert code == caught.value.code
    assert "CUDA error" not in caught.value.message


async def test_an_engine_that_raises_later_keeps_what_it_drew(engine: DiffusersEngine, fails_at: Callable[..., None]):
    """Also where the failure is none that the engine foresaw."""
    fails_at(2, error=LookupError("unforeseen"))

    found = [each async for each in generate(engine, MODEL, REQUEST, Cancel())]

    assert [Picture, PictureFailed, PictureFailed] == [type(each) for each in found]
    assert [0, 1, 2] == [each.index for each in found if isinstance(each, Picture | PictureFailed)]


@pytest.fixture(scope="module")
def pixel_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiffusersEngine]:
    """A model with three channels, which diffusers' own pipeline for masks does not take."""
    index = write_tiny_pipeline(tmp_path_factory.mktemp("pixels") / "pixels", channels=3)
    with loaded(DiffusersEngine, path=index, options={"steps": 4}) as engine:
        yield engine


def test_models_of_pixels_keep_what_a_mask_covers(
    pixel_engine: DiffusersEngine, file_of: FileOf, half_mask: Callable[[int], bytes]
):
    """Drawn from noise within the mask, step by step beside what surrounds it; the same seed, the same picture."""
    source = Image.new("RGB", (64, 64), (10, 200, 30))
    request = ImageRequest(
        task="edit", prompt="red", image=Blob(file_of(source)), mask=Blob(half_mask(64)), width=256, height=256, seed=4
    )

    (first,), (again,) = (list(pixel_engine.draw(request, Cancel())) for _ in range(2))

    assert isinstance(first, Picture)
    assert first == again
    edited = Image.open(io.BytesIO(first.png))
    assert {(10, 200, 30)} == set(edited.crop((128, 0, 256, 256)).get_flattened_data())
    assert {(10, 200, 30)} != set(edited.crop((0, 0, 128, 256)).get_flattened_data())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_uploads_of_any_kind_are_worked_on(engine: DiffusersEngine, kind: str, mode: str, tmp_path: Path):
    """Grey, palettes, transparency; from memory or from a file; where no size is asked they keep their shape."""
    if kind == "JPEG" and mode in ("RGBA", "P"):
        mode = "L"
    path = tmp_path / "upload"
    Image.new(mode, (90, 60)).save(path, kind)

    request = ImageRequest(task="vary", image=Blob(path=str(path)), width=None, height=None)
    (picture,) = engine.draw(request, Cancel())

    assert isinstance(picture, Picture)
    assert picture.width > picture.height


def test_a_model_without_a_way_to_edit_says_so(engine: DiffusersEngine, monkeypatch: pytest.MonkeyPatch, file_of: FileOf):
    """As the library does not know one for its class."""
    import diffusers

    def refuse(*_arguments: object, **_named: object) -> object:
        raise ValueError("AutoPipeline can't find a pipeline")

    auto: Any = diffusers.AutoPipelineForImage2Image
    monkeypatch.setattr(auto, "from_pipe", refuse)
    assert engine._pipelines is not None
    engine._pipelines._others.clear()

    with pytest.raises(InvalidRequest, match="edits no pictures") as caught:
        list(engine.draw(ImageRequest(task="vary", image=Blob(file_of(Image.new("RGB", (64, 64))))), Cancel()))

    assert "image" == caught.value.param


@pytest.mark.parametrize(
    ("count", "previews", "expected"), [(20, 0, []), (20, 1, [10]), (20, 3, [5, 10, 15]), (2, 3, [1]), (1, 3, [])]
)
def test_previews_are_spread_over_the_steps(count: int, previews: int, expected: list[int]):
    """Evenly, and never the last step: that is the picture."""
    assert expected == sorted(preview_steps(count, previews))


def test_a_cancel_before_the_next_step_ends_all(engine: DiffusersEngine):
    """Nothing is yielded any more; the engine draws the next request."""
    cancel = Cancel()
    steps = engine.draw(ImageRequest(prompt="x", n=2, steps=50, width=256, height=256, wants_steps=True), cancel)

    assert isinstance(next(steps), DrawingStep)
    cancel.set()
    rest = list(steps)

    assert not [each for each in rest if isinstance(each, Picture)]
    assert len(rest) < 40
    assert 1 == len(list(engine.draw(ImageRequest(prompt="x", steps=1, width=256, height=256), Cancel())))


def test_a_cancel_is_heeded_within_a_step(engine: DiffusersEngine):
    """A step of a large model takes seconds on a CPU, and a worker that goes on for one is ended."""
    cancel = Cancel()
    assert engine._pipelines is not None
    hook = engine._pipelines.draws.unet.mid_block.register_forward_hook(lambda *_: cancel.set())

    found = list(engine.draw(ImageRequest(prompt="x", steps=4, width=256, height=256, wants_steps=True), cancel))
    hook.remove()

    assert not found
    assert 1 == len(list(engine.draw(ImageRequest(prompt="x", steps=1, width=256, height=256), Cancel())))
