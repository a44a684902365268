"""ONNX headers: what a file is, told without its weights."""

from __future__ import annotations

import pytest
from llmlb_engine_minilm.engine import MiniLMEngine
from llmlb_engine_minilm.format import OnnxFormat

from llmlb_core import Capability, Fit, Unfit
from llmlb_core.errors import ModelFilesInvalid


def test_a_text_encoder_is_told_by_its_inputs_and_output(write_onnx):
    """Dimension, context, layers and number format come from the shapes of its tables."""
    facts = OnnxFormat().read_facts(write_onnx())

    assert ("onnx", "bert", "I8", 8, 16, 2) == (
        facts.format,
        facts.architecture,
        facts.quantization,
        facts.embedding_dimension,
        facts.context_tokens,
        facts.layer_count,
    )
    assert (Capability.EMBEDDING, Capability.RERANK) == facts.capabilities
    assert isinstance(MiniLMEngine.fit(facts, ()), Fit)


@pytest.mark.parametrize(
    "changed",
    [{"inputs": ("text", "speed")}, {"inputs": ("input_ids",)}, {"output": ("batch", 8)}, {"output": ("batch", "s", "d")}],
)
def test_another_kind_of_model_is_not_claimed(write_onnx, changed):
    """A voice or a classifier in ONNX format is somebody else's."""
    facts = OnnxFormat().read_facts(write_onnx(**changed))

    assert () == facts.capabilities
    assert isinstance(MiniLMEngine.fit(facts, ()), Unfit)


@pytest.mark.parametrize("content", [b"", b"plain text, and no model", b"\x00" * 64, b"\xff" * 64, b"\x3a\x7f"])
def test_what_is_no_model_is_told(tmp_path, content):
    """With the path and the next step."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)

    with pytest.raises(ModelFilesInvalid, match=r"broken\.onnx .*[Ff]etch it again"):
        OnnxFormat().read_facts(path)


def test_every_cut_of_a_header_is_told_or_read(write_onnx):
    """A download that broke never raises anything else."""
    path = write_onnx()
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFilesInvalid):
            OnnxFormat().read_facts(path)


@pytest.mark.model
def test_minilm_is_what_its_card_says(minilm):
    """384 numbers, 512 tokens, 6 layers, 22.6 million parameters of 8 bits."""
    facts = OnnxFormat().read_facts(minilm)

    assert (384, 512, 6, "I8") == (facts.embedding_dimension, facts.context_tokens, facts.layer_count, facts.quantization)
    assert pytest.approx(22.6e6, rel=0.01) == facts.parameter_count
