"""Embeddings: inputs to token ids, token ids to vectors of unit length."""

from __future__ import annotations

import base64
import math
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec
from attrs import define

from llmlb_core import Cancel, Usage, Vectors, float32_rows
from llmlb_core.errors import ContextLengthExceeded, EngineFailed, InvalidRequest, UnsupportedParameter
from llmlb_engine_llamacpp.events import Failure, raise_failure
from llmlb_engine_llamacpp.native import NativeServer

_ITEM_BYTES = 4


class _Row(msgspec.Struct):
    embedding: str
    index: int


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[_Row] = msgspec.field(default_factory=list)
    usage: _Usage = msgspec.field(default_factory=_Usage)
    error: Failure | None = None


@define
class Embedder:
    """Makes vectors with a loaded model.

    Attributes:
        longest: Tokens of the longest input it reads.
            can_truncate: Whether shorter vectors are meaningful with this model.
    """

    native: NativeServer
    longest: int
    can_truncate: bool

    def embed(self, inputs: Sequence[str | tuple[int, ...]], dimensions: int | None, cancel: Cancel) -> Vectors:
        """Return one vector per input.

        Raises:
            ContextLengthExceeded: An input is longer than ``longest``.
            InvalidRequest: An input is empty.
            UnsupportedParameter: ``dimensions`` is not the model's own and may not be less.
        """
        if dimensions is not None and not self.can_truncate:
            self._check_whole(dimensions, cancel)
        tokens = [self._tokens(index, text) for index, text in enumerate(inputs)]
        rows: list[bytes] = []
        used = 0
        for part in self._steps(tokens):
            if cancel.is_set:
                break
            done = _unless_cancelled(partial(self._batch, part), cancel)
            if done is None:
                break
            rows += done[0]
            used += done[1]
        if dimensions is not None:
            rows = [_cut(row, dimensions) for row in rows]
        dimension = len(rows[0]) // _ITEM_BYTES if rows else 0
        return Vectors(b"".join(rows), len(rows), dimension, Usage(prompt_tokens=used, is_partial=len(rows) < len(inputs)))

    def _tokens(self, index: int, text: str | tuple[int, ...]) -> list[int]:
        tokens = self.native.tokenize(text, add_special=True) if isinstance(text, str) else list(text)
        if not tokens:
            raise InvalidRequest(f"Input {index} is empty, expected text or token ids.", param=f"input[{index}]")
        if len(tokens) > self.longest:
            raise ContextLengthExceeded(prompt_tokens=len(tokens), context_tokens=self.longest)
        return tokens

    def _steps(self, tokens: Sequence[list[int]]) -> Iterator[list[list[int]]]:
        """Group inputs into steps of at most ``longest`` tokens: what a cancelled call leaves llama.cpp to finish."""
        step: list[list[int]] = []
        room = self.longest
        for one in tokens:
            if len(one) > room:
                yield step
                step, room = [], self.longest
            step.append(one)
            room -= len(one)
        if step:
            yield step

    def _batch(self, tokens: Sequence[Sequence[int]]) -> tuple[list[bytes], int]:
        """Return the vectors of *tokens* and how many tokens were read."""
        answer = msgspec.json.decode(self.native.embed(tokens), type=_Answer)
        if answer.error is not None:
            raise_failure(answer.error)
        if len(answer.data) != len(tokens):
            raise EngineFailed(f"llama.cpp answered {len(answer.data)} vectors for {len(tokens)} inputs.")
        return [
            base64.b64decode(row.embedding) for row in sorted(answer.data, key=lambda row: row.index)
        ], answer.usage.prompt_tokens

    def _check_whole(self, dimensions: int, cancel: Cancel) -> None:
        """Refuse any length but the model's own, which only a vector tells for sure."""
        if cancel.is_set:
            return
        whole = len(self._batch([[0]])[0][0]) // _ITEM_BYTES
        if dimensions != whole:
            raise UnsupportedParameter(
                f"This model's vectors have {whole} dimensions, and {dimensions} are asked for. Leave `dimensions` away; "
                "if the model was trained for shorter vectors, set its option `truncate_dimensions = true`.",
                param="dimensions",
            )


def _unless_cancelled(work: Callable[[], tuple[list[bytes], int]], cancel: Cancel) -> tuple[list[bytes], int] | None:
    """Return what *work* returns, or None at once when cancelled: llama.cpp cannot be stopped within embeddings."""
    is_over = threading.Event()
    results: list[tuple[list[bytes], int]] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again below, in the caller's thread
            errors.append(error)
        finally:
            is_over.set()

    cancel.on_set(is_over.set)
    threading.Thread(target=run, name="llamacpp-embed", daemon=True).start()
    is_over.wait()
    if results:
        return results[0]
    if errors and not cancel.is_set:
        raise errors[0]
    return None


def _cut(row: bytes, dimensions: int) -> bytes:
    """Return the first *dimensions* numbers of *row*, of unit length again."""
    numbers = array("f")
    numbers.frombytes(row)
    if dimensions > len(numbers):
        raise UnsupportedParameter(f"This model's vectors have {len(numbers)} dimensions, not {dimensions}.", param="dimensions")
    kept = numbers[:dimensions]
    length = math.hypot(*kept) or 1.0
    return float32_rows([[number / length for number in kept]])
