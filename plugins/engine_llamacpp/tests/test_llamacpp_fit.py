from __future__ import annotations

from pathlib import Path

import pytest
from llmlb_engine_llamacpp.engine import LlamaCppEngine
from llmlb_engine_llamacpp.options import LlamaCppOptions
from llmlb_engine_llamacpp.plan import context_tokens, plan_load

from llmlb_core import Capability, Device, Fit, LocalModel, ModelFacts, Placement, Unfit

GIB = 1 << 30
CPU = Device("cpu", "cpu", "CPU", 8 * GIB)
GPU = Device("cuda:0", "cuda", "GPU", 24 * GIB)
FACTS = ModelFacts(
    "gguf",
    "llama",
    quantization="Q4_K_M",
    context_tokens=8192,
    layer_count=32,
    head_count_kv=8,
    head_dimension=128,
    size_bytes=4 * GIB,
)


def test_memory_is_weights_and_cache() -> None:
    """Four sequences of 4096 tokens at 128 KiB a token are 2 GiB on top of the weights."""
    fit = LlamaCppEngine.fit(FACTS, [CPU])

    assert isinstance(fit, Fit)
    assert 6 * GIB < fit.memory_bytes < 6.2 * GIB
    assert "llama.cpp runs Q4_K_M on the CPU." == fit.reason


def test_gguf_fits_a_cpu_better_than_a_gpu() -> None:
    """On a GPU another engine may be the better one; on a CPU hardly any is."""
    cpu, gpu = LlamaCppEngine.fit(FACTS, [CPU]), LlamaCppEngine.fit(FACTS, [CPU, GPU])

    assert isinstance(cpu, Fit)
    assert isinstance(gpu, Fit)
    assert cpu.score_0_1 > gpu.score_0_1


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (ModelFacts("safetensors"), "format is safetensors"),
        (ModelFacts(""), "format is not known"),
        (ModelFacts("gguf", "clip", capabilities=()), "part of another model"),
        (ModelFacts("gguf", "bert", capabilities=()), "neither|no model that writes text or vectors"),
        (ModelFacts("gguf", "llama", size_bytes=90 * GIB), r"weights take 90\.0 GiB, and the devices have 8\.0 GiB"),
    ],
)
def test_unfit_says_why(facts: ModelFacts, reason: str) -> None:
    """What cannot run is refused with the reason, without opening a file."""
    unfit = LlamaCppEngine.fit(facts, [CPU])

    assert isinstance(unfit, Unfit)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(unfit.reason)


@pytest.mark.parametrize(("wanted", "expected"), [(None, 4096), (1024, 1024), (100_000, 8192)])
def test_context_is_what_is_wanted_within_the_models_own(wanted: int | None, expected: int) -> None:
    """Without a wish 4096 tokens; never more than the model was made for."""
    assert expected == context_tokens(FACTS, wanted)


def test_embedding_models_read_an_input_in_one_step() -> None:
    """A vector model's batch holds the longest input; a text model that also embeds keeps steps of 512."""
    bert = ModelFacts("gguf", "bert", context_tokens=8192, capabilities=(Capability.EMBEDDING,))
    both = (Capability.TEXT_GENERATION, Capability.EMBEDDING)
    placement = Placement(context_tokens=8192)

    vectors = plan_load(LocalModel("b", bert, capabilities=bert.capabilities), bert, placement, LlamaCppOptions())
    text = plan_load(LocalModel("t", FACTS, Path(), "t", capabilities=both), FACTS, placement, LlamaCppOptions())
    plain = plan_load(LocalModel("t", FACTS), FACTS, placement, LlamaCppOptions())

    assert (8192, 8192, True) == (vectors.batch_tokens, vectors.ubatch_tokens, vectors.embeds)
    assert (512, 512, True) == (text.batch_tokens, text.ubatch_tokens, text.embeds)
    assert (128, 128, False, 4) == (plain.batch_tokens, plain.ubatch_tokens, plain.embeds, plain.parallel_count)
