"""What of an answer was delivered: how long it is and a hash of it, enough to tell whether another answer begins the same way."""

from __future__ import annotations

from hashlib import blake2b

from llmlb_core.domain.kept_text import KeptText

MAX_PIECES = 16
"""Pieces that are kept before they are hashed: a hash of many costs hardly more than of one."""


class Transcript:
    """The text of one answer so far, in the order it came; of the text itself next to nothing is kept, unless that is asked for.

    A channel is what a piece belongs to: a choice's text, its reasoning, the arguments of a tool call.

    Attributes:
        channel: Of the last piece.
        pieces: Not hashed yet. Who appends more of the same channel itself, for speed, calls ``fold`` at ``MAX_PIECES``.
        kept: Takes the text; None = nobody needs it.
    """

    __slots__ = ("_hash", "_hashed_count", "_length", "channel", "kept", "pieces")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.pieces: list[str] = []
        self.channel = ""
        self.kept: KeptText | None = None
        self._hashed_count = 0
        self._length = 0
        self._hash = blake2b(digest_size=16)

    def add(self, channel: str, text: str) -> None:
        """Append *text*."""
        self.pieces.append(self.mark(channel) + text)
        self.channel = channel
        if len(self.pieces) >= MAX_PIECES:
            self.fold()

    def mark(self, channel: str) -> str:
        """Return what stands before a piece of *channel*: nothing where the last one was of the same."""
        return "" if channel == self.channel else f"\0{channel}\0"

    def fork(self) -> Transcript:
        """Return another one that begins with the same: what follows may never be delivered. ``kept`` is forked, too."""
        self.fold()
        other = Transcript()
        other.channel, other._hashed_count, other._length = self.channel, self._hashed_count, self._length
        other._hash = self._hash.copy()  # of this class
        other.kept = None if self.kept is None else self.kept.fork()
        return other

    @property
    def count(self) -> int:
        """Pieces so far."""
        return self._hashed_count + len(self.pieces)

    @property
    def length(self) -> int:
        """Characters so far, marks of channels included."""
        if self.pieces:
            self.fold()
        return self._length

    @property
    def digest(self) -> bytes:
        """BLAKE2b-128 of the text so far."""
        if self.pieces:
            self.fold()
        return self._hash.digest()

    @property
    def text(self) -> str | None:
        """All of it, marks of channels included; None where it was not kept, or not from its beginning."""
        digest = self.digest
        data = self.kept.data if self.kept is not None else None
        if data is None or blake2b(data, digest_size=16).digest() != digest:
            return None
        return data.decode("utf-8", "surrogatepass")

    def text_of(self, channel: str) -> str | None:
        """Return the text where all of it is of *channel*; None where it is not, or not kept."""
        mark, text = f"\0{channel}\0", self.text
        if text is None or not text.startswith(mark) or "\0" in text[len(mark) :]:
            return None
        return text[len(mark) :]

    def fold(self) -> None:
        """Hash the pieces and let go of them."""
        text = "".join(self.pieces)
        self._length += len(text)
        data = text.encode("utf-8", "surrogatepass")
        self._hash.update(data)
        if self.kept is not None:
            self.kept.keep(data)
        self._hashed_count += len(self.pieces)
        self.pieces.clear()


class Differs(Exception):
    """Another answer does not begin with what was delivered."""


class Echo:
    """Holds another answer back until it has said all that was delivered, and checks that it says the same.

    Where the text itself was kept, the first word that is another one ends it; else that is found when it has said as much.

    Attributes:
        said: What the other answer has said.
        is_over: Whether it has said all of it; what comes from now on is new.
    """

    def __init__(self, delivered: Transcript) -> None:
        """Compare with *delivered*, which grows no more."""
        self._length, self._digest = delivered.length, delivered.digest
        self._text, self._kept = delivered.text, delivered.kept
        self.said = Transcript()
        self.is_over = not self._length

    def hear(self, channel: str, text: str) -> str | None:
        """Take a piece of the other answer; return what of it is new, None where nothing is.

        Raises:
            Differs: It does not say the same.
        """
        said = self.said
        if self.is_over:
            said.add(channel, text)
            return text
        left = self._length - said.length
        mark = len(said.mark(channel))
        if mark + len(text) < left:
            if self._text is not None and not self._text.startswith(said.mark(channel) + text, said.length):
                raise Differs
            said.add(channel, text)
            return None
        known = text[: max(0, left - mark)]
        said.add(channel, known)
        if said.length != self._length or said.digest != self._digest:
            raise Differs
        self.is_over, said.kept = True, self._kept  # which has all that it has said
        new = text[len(known) :]
        if not new:
            return None
        said.add(channel, new)
        return new
