"""Answers of ``countTokens``."""

from __future__ import annotations

import msgspec

from llmlb_core import AnswerReader, Delta, Usage
from llmlb_dialect_google.read.shapes import Count


class _Counted(msgspec.Struct, rename="camel"):
    total_tokens: Count
    cached_content_token_count: Count = 0


_decode = msgspec.json.Decoder(_Counted).decode


class CountReader(AnswerReader):
    """Reads how many tokens a prompt has; never streamed."""

    is_comparable = False

    def read(self, events: bytes) -> bytes:
        """Nothing comes as a stream."""
        del events
        return b""

    def read_plain(self, body: bytes) -> None:
        """Take the answer.

        Raises:
            ValueError: It is no ``CountTokensResponse``.
        """
        try:
            counted = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"its answer is no CountTokensResponse: {error}") from None
        self.usage = Usage(prompt_tokens=counted.total_tokens, cached_tokens=counted.cached_content_token_count)
        self.results.append(Delta(usage=self.usage))
        self.is_finished = True
