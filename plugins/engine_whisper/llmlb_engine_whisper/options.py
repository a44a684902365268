"""The options of this engine: the table ``[models."<id>".options]``."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

ComputeType = Literal["default", "auto", "int8", "int8_float16", "int8_float32", "int16", "float16", "bfloat16", "float32"]


@frozen
class WhisperOptions:
    """How a Whisper model is loaded and listens."""

    compute_type: ComputeType = field(
        default="default", metadata={"help": "Number format of the computation; `default` = int8 on a CPU, float16 on CUDA."}
    )
    beam_size: int = field(default=5, metadata={"help": "Hypotheses that are followed; 1 is fastest.", "minimum": 1})
    vad: bool = field(default=False, metadata={"help": "Cut silence out of every recording first, not only where clients ask."})
