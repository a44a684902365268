"""Writes the diffusers pipeline directory of a training state: ``python training/export.py STATE_DIR MODEL_DIR``."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from painter import make_autoencoder, make_painter, make_schedule, widen
from reader import make_reader, make_tokenizer


def main() -> None:
    """Write the averaged weights as 16-bit safetensors, with the tables that the ordinary loading path reads."""
    state_dir, model_dir = Path(sys.argv[1]), Path(sys.argv[2])
    state = torch.load(state_dir / "state.pt", weights_only=True)
    tokenizer = make_tokenizer()
    reader, painter = make_reader(tokenizer), make_painter()
    reader.load_state_dict(state["reader"])
    painter.load_state_dict(state["average"])
    diffusers: Any = importlib.import_module("diffusers")
    pipeline = diffusers.StableDiffusionPipeline(
        vae=make_autoencoder(),
        text_encoder=reader,
        tokenizer=tokenizer,
        unet=widen(painter),
        scheduler=make_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    shutil.rmtree(model_dir, ignore_errors=True)
    pipeline.to(torch.float16).save_pretrained(model_dir, safe_serialization=True)
    for path in model_dir.rglob("*.json"):  # where it was made is nobody's business
        table = json.loads(path.read_text())
        if isinstance(table, dict) and table.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(table, indent=2) + "\n")
    for path in model_dir.rglob("*.safetensors"):
        path.chmod(0o644)  # they are written for their owner alone
    (model_dir / "drawing.json").write_text(json.dumps({"steps": 20, "guidance": 3.0}) + "\n")
    size = sum(path.stat().st_size for path in model_dir.rglob("*") if path.is_file())
    print(f"wrote {model_dir}: {size / 1e6:.1f} MB, step {state['step']}, {state['spent_s'] / 60:.0f} minutes")


if __name__ == "__main__":
    main()
