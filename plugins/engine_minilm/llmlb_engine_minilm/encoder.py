"""The model itself: token ids in, one vector of unit length out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from llmlb_core import Cancel
from llmlb_core.errors import ModelFilesInvalid


class Encoder:
    """An ONNX session. Safe from several threads at a time.

    One input is computed at a time: nothing is padded, an input's vector does not depend on its neighbours, memory is that of the
    longest input however many there are, and on a CPU it is faster than batches of 8 and of 32 (measured, see the README).
    """

    def __init__(self, path: Path, threads: int, pooling: Literal["mean", "cls"]) -> None:
        """Load the file at *path*.

        Raises:
            ModelFilesInvalid: onnxruntime refuses it.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait take the processor from the server and from other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's errors have no common class
            raise ModelFilesInvalid(f"onnxruntime cannot load {path.name}: {error}") from error
        self._names = [each.name for each in self._session.get_inputs()]
        unknown = set(self._names) - {"input_ids", "attention_mask", "token_type_ids"}
        if unknown:
            raise ModelFilesInvalid(
                f"{path.name} wants the inputs {', '.join(sorted(unknown))}, which a text encoder does not have."
            )
        self._output = self._session.get_outputs()[0].name
        self._pooling = pooling

    def vectors(self, inputs: Sequence[Sequence[int]], cancel: Cancel) -> Any:
        """Return ``float32[n, dimension]``, rows of unit length; those after a cancel are missing."""
        import numpy as np

        rows = [self._vector(ids) for ids in _until(cancel, inputs)]
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def _vector(self, ids: Sequence[int]) -> Any:
        import numpy as np

        tokens = np.array([ids], np.int64)
        given = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        (hidden,) = self._session.run([self._output], {name: given[name] for name in self._names})
        # There is no padding, so the mean over the attention mask is the mean over all.
        vector = hidden[0].mean(axis=0) if self._pooling == "mean" else hidden[0, 0]
        return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)


def _until(cancel: Cancel, inputs: Sequence[Sequence[int]]) -> Iterable[Sequence[int]]:
    for ids in inputs:
        if cancel.is_set:
            return
        yield ids
