"""What is shipped: safetensors and tables, small, licensed, and the very weights that the card's numbers were measured with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import llmlb_model_shapes
import pytest
from llmlb_model_shapes import model_dir

PACKAGE = Path(llmlb_model_shapes.__file__).parent
CARD = PACKAGE.parent / "MODEL_CARD.md"
FILES = sorted(path for path in model_dir().rglob("*") if path.is_file())


def test_weights_are_safetensors_and_all_else_is_json():
    """No pickle, no code: nothing in the directory can run."""
    assert {".json", ".safetensors"} == {path.suffix for path in FILES}


def test_the_model_is_at_most_10_mb():
    """The directory is small enough for a package."""
    assert sum(path.stat().st_size for path in FILES) <= 10_000_000


def test_every_part_is_of_a_stock_class():
    """The index names classes of diffusers and transformers only, and each part has its folder."""
    index = json.loads((model_dir() / "model_index.json").read_text())
    parts = {name: value for name, value in index.items() if isinstance(value, list) and value[0] is not None}

    assert "StableDiffusionPipeline" == index["_class_name"]
    assert {"diffusers", "transformers"} == {library for library, _ in parts.values()}
    assert {"scheduler", "text_encoder", "tokenizer", "unet", "vae"} == set(parts)
    assert all((model_dir() / name).is_dir() for name in parts)


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"])
def test_the_card_names_these_weights(part):
    """A model card whose numbers belong to other weights is a false claim."""
    digest = hashlib.sha256((model_dir() / part).read_bytes()).hexdigest()

    assert digest in CARD.read_text()


def test_the_licence_is_shipped():
    """The project's own, inside the wheel."""
    assert (PACKAGE / "LICENSE").read_text().startswith("MIT License")


def test_tables_name_no_place_on_a_disk():
    """Nothing of the machine that trained it."""
    assert [] == [
        path.name
        for path in FILES
        if path.suffix == ".json" and ("/tmp" in path.read_text() or "_name_or_path" in path.read_text())
    ]
