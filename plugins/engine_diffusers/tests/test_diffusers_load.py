"""What is loaded and what is refused; what a pipeline's directory says before that."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest
from llmlb_engine_diffusers import plan
from llmlb_engine_diffusers.engine import DiffusersEngine
from llmlb_engine_diffusers.format import DiffusersFormat, capabilities
from llmlb_engine_diffusers.loading import device_of
from llmlb_testing.engines import loaded

from llmlb_core import Cancel, Capability, Device, Fit, ImageRequest, Picture, Placement, Unfit
from llmlb_core.errors import ModelFilesInvalid

GIB = 1 << 30


@pytest.fixture
def copy(pipeline_index: Path, tmp_path: Path) -> Path:
    """The index of a copy that a test may spoil."""
    return copytree(pipeline_index.parent, tmp_path / "copy") / pipeline_index.name


def change(index: Path, **values: object) -> None:
    """Write *values* into *index*."""
    index.write_text(json.dumps({**json.loads(index.read_text()), **values}))


def refusal(index: Path) -> str:
    """Return why the pipeline of *index* is not loaded."""
    with pytest.raises(ModelFilesInvalid) as caught, loaded(DiffusersEngine, path=index):
        pass
    return caught.value.message


def test_facts_are_those_of_the_directory(pipeline_index: Path):
    """Class, number format and size of all weights, and what it can do."""
    facts = DiffusersFormat().read_facts(pipeline_index)

    weights = sum(path.stat().st_size for path in pipeline_index.parent.rglob("*.safetensors"))
    assert ("StableDiffusionPipeline", "F32", weights) == (facts.architecture, facts.quantization, facts.size_bytes)
    assert (Capability.IMAGE_GENERATION,) == facts.capabilities
    assert facts.parameter_count is not None
    assert facts.size_bytes // 4 * 0.9 < facts.parameter_count < facts.size_bytes // 4


@pytest.mark.parametrize(
    ("name", "draws"),
    [
        ("StableDiffusionXLPipeline", True),
        ("FluxPipeline", True),
        ("PixArtSigmaPipeline", True),
        ("StableVideoDiffusionPipeline", False),
        ("AudioLDM2Pipeline", False),
        ("StableDiffusionUpscalePipeline", False),
        ("Something", False),
    ],
)
def test_only_pipelines_from_prompt_to_picture_draw(name: str, draws: bool):
    """The others are not offered for images."""
    assert draws is bool(capabilities(name))


def test_weights_that_need_pickle_are_refused(copy: Path):
    """Whatever is set: reading them may run any code."""
    weights = copy.parent / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))

    for options in ({}, {"trust_code": True}):
        with pytest.raises(ModelFilesInvalid, match="pickled") as caught, loaded(DiffusersEngine, path=copy, options=options):
            pass
        assert "diffusion_pytorch_model.bin" in caught.value.message


def test_pickled_weights_beside_safe_ones_are_not_touched(copy: Path):
    """Many directories hold both."""
    (copy.parent / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"not even a pickle")

    with loaded(DiffusersEngine, path=copy) as engine:
        assert ((32, 32),) == engine.native_sizes


def test_code_that_comes_with_a_model_is_refused(copy: Path):
    """A pipeline class of its own, a Python file beside a part, a library of its own: each is named."""
    change(copy, _class_name=["my_pipeline", "MyPipeline"])
    assert "trust_code = true" in refusal(copy)

    change(copy, _class_name="StableDiffusionPipeline")
    (copy.parent / "unet" / "evil.py").write_text("raise SystemExit")
    assert "evil.py" in refusal(copy)

    (copy.parent / "unet" / "evil.py").unlink()
    change(copy, unet=["os", "system"])
    assert "'os'" in refusal(copy)


def test_what_is_missing_or_damaged_is_named(copy: Path):
    """By file or folder, before or while it is loaded."""
    weights = copy.parent / "vae" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert "copy" in refusal(copy)

    weights.write_bytes(whole)
    change(copy, _class_name="StableUnheardOfPipeline")
    assert "StableUnheardOfPipeline" in refusal(copy)

    for file in (copy.parent / "vae").iterdir():
        file.unlink()
    (copy.parent / "vae").rmdir()
    assert "vae" in refusal(copy)


def test_an_author_recommends_steps_and_guidance(copy: Path):
    """``drawing.json``; a request comes first, and nonsense is told."""
    request = ImageRequest(prompt="x", seed=1, width=None, height=None)
    with loaded(DiffusersEngine, path=copy, options={"steps": 3, "guidance": 2.0}) as engine:
        (expected,) = engine.draw(request, Cancel())
    (copy.parent / "drawing.json").write_text('{"steps": 3, "guidance": 2.0}')

    with loaded(DiffusersEngine, path=copy) as engine:
        (found,) = engine.draw(request, Cancel())
        (other,) = engine.draw(ImageRequest(prompt="x", seed=1, width=None, height=None, steps=4), Cancel())

    assert isinstance(found, Picture)
    assert expected == found
    assert expected != other
    (copy.parent / "drawing.json").write_text('{"steps": 1000}')
    assert "from 1 to 100" in refusal(copy)


def test_fit_counts_weights_as_they_will_be_kept(pipeline_index: Path):
    """16-bit files double on a CPU; what does not fit a device is Unfit, with both numbers."""
    from attrs import evolve

    facts = evolve(DiffusersFormat().read_facts(pipeline_index), size_bytes=2 * GIB, quantization="F16")
    cpu, gpu = Device("cpu", "cpu", "", 8 * GIB), Device("cuda:0", "cuda", "", 24 * GIB)

    on_cpu, on_gpu = plan.fit(facts, (cpu,)), plan.fit(facts, (cpu, gpu))
    assert isinstance(on_cpu, Fit)
    assert isinstance(on_gpu, Fit)
    assert 4 * GIB < on_cpu.memory_bytes < 6 * GIB
    assert 2 * GIB < on_gpu.memory_bytes < 3.2 * GIB
    assert isinstance(plan.fit(evolve(facts, size_bytes=40 * GIB), (cpu, gpu)), Unfit)
    assert isinstance(plan.fit(evolve(facts, format="gguf"), (cpu,)), Unfit)


@pytest.mark.parametrize(
    ("asked", "native", "multiple", "expected"),
    [
        ((1024, 1024), (512, 512), 64, (512, 512)),
        ((1792, 1024), (1024, 1024), 64, (1344, 768)),
        ((1024, 1792), (512, 512), 64, (384, 704)),
        ((1792, 1024), (32, 32), 8, (40, 24)),
        ((256, 256), (1024, 1024), 64, (1024, 1024)),
    ],
)
def test_it_draws_as_many_pixels_as_the_model_knows(
    asked: tuple[int, int], native: tuple[int, int], multiple: int, expected: tuple[int, int]
):
    """In the shape asked for, in steps that the network can halve."""
    assert expected == plan.drawn_size(*asked, native, multiple)


@pytest.mark.parametrize(
    ("devices", "expected"), [((), "cpu"), (("cpu",), "cpu"), (("cuda:1",), "cuda:1"), (("metal",), "mps"), (("rocm:0",), "cuda:0")]
)
def test_devices_have_the_names_that_torch_gives_them(devices: tuple[str, ...], expected: str):
    """The first one is used."""
    assert expected == device_of(Placement(devices=devices))
    assert ("float32", "bfloat16", "float16", "float16") == (
        plan.dtype_name("auto", "cpu", "F16"),
        plan.dtype_name("auto", "cuda:0", "BF16"),
        plan.dtype_name("auto", "cuda:0", "F32"),
        plan.dtype_name("float16", "cpu", "F32"),
    )
