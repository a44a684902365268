"""Text as the model's word pieces: by its own ``tokenizer.json`` or ``vocab.txt``, else by the vocabulary that comes with us."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmlb_core.errors import InvalidRequest, ModelFilesInvalid

OWN_VOCABULARY = Path(__file__).parent / "data" / "bert_uncased.txt"
OWN_SIZE = 30_522
CLS, SEP = "[CLS]", "[SEP]"
MARKS = ("[PAD]", "[UNK]", CLS, SEP, "[MASK]")


class Words:
    """Turns texts into token ids, begin and end marks included."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        """Wrap a tokenizer of the library ``tokenizers`` for a model that knows ids below *size*."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._size = size
        marks = tokenizer.encode("").ids
        if len(marks) != 2:
            raise ModelFilesInvalid(f"The tokenizer adds {len(marks)} marks to a text, and a BERT model needs a begin and an end.")
        self._begin, self._end = marks

    def ids(self, inputs: Sequence[str | tuple[int, ...]]) -> list[list[int]]:
        """Return the ids of each input.

        Raises:
            InvalidRequest: Token ids that the model has not; a tokenizer of another model made them.
        """
        texts = iter(self._tokenizer.encode_batch([text for text in inputs if isinstance(text, str)]))
        return [next(texts).ids if isinstance(each, str) else self._checked(each) for each in inputs]

    def _checked(self, ids: tuple[int, ...]) -> list[int]:
        wrong = next((each for each in ids if each >= self._size), None)
        if wrong is not None:
            raise InvalidRequest(
                f"The token id {wrong} is none of this model's {self._size}: the ids come from another model's tokenizer. "
                "Send text instead (LangChain: check_embedding_ctx_length=False).",
                param="input",
            )
        return [*([] if ids[0] == self._begin else [self._begin]), *ids, *([] if ids[-1] == self._end else [self._end])]


def read_words(directory: Path, size: int) -> Words:
    """Return the words of the model in *directory*, which knows *size* of them.

    Raises:
        ModelFilesInvalid: It brings no vocabulary and ours is not its own, or what it brings is damaged.
    """
    from tokenizers import Tokenizer

    whole, words = directory / "tokenizer.json", directory / "vocab.txt"
    if not whole.is_file() and not words.is_file():
        if size != OWN_SIZE:
            raise ModelFilesInvalid(
                f"{directory} has neither tokenizer.json nor vocab.txt, and the vocabulary that comes with the engine has "
                f"{OWN_SIZE} words where this model knows {size}. Put the model's tokenizer.json beside it."
            )
        words = OWN_VOCABULARY
    try:
        tokenizer = Tokenizer.from_file(str(whole)) if whole.is_file() else _word_pieces(words)
    except Exception as error:  # the library raises bare Exception
        raise ModelFilesInvalid(f"The vocabulary in {directory} cannot be read: {error}.") from error
    return Words(tokenizer, size)


def _word_pieces(path: Path) -> Any:
    """Return the tokenizer of lower-case BERT over the words of *path*, one a line."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    id_by_word = {word: number for number, word in enumerate(path.read_text(encoding="utf-8").splitlines())}
    tokenizer: Any = Tokenizer(models.WordPiece(id_by_word, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106  # no secret
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}", special_tokens=[(mark, id_by_word[mark]) for mark in (CLS, SEP)]
    )
    tokenizer.add_special_tokens(list(MARKS))  # written in a text they are read as marks, as the model's own tokenizer does
    return tokenizer
