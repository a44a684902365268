"""Has what was said written down: the utterances of one session, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque

from llmlb_api_realtime.events import completed_event, delta_event, failed_event
from llmlb_api_realtime.outbox import Outbox
from llmlb_api_realtime.problems import TranscriptionFailed
from llmlb_api_realtime.transcriber import Transcriber, Utterance
from llmlb_core.errors import ShuttingDown


class Writer:
    """The utterances that wait, and the one that is being written down.

    Attributes:
        count: How many were begun.
        held_bytes: Sound of those that wait and of the one that is being written down.
        is_busy: Whether there is such a one.
    """

    def __init__(self, transcriber: Transcriber, outbox: Outbox) -> None:
        """Begin with nothing to do."""
        self._transcribe = transcriber
        self._outbox = outbox
        self._waiting: deque[Utterance] = deque()
        self._more = asyncio.Event()
        self._is_ending = False
        self.count = self.held_bytes = 0
        self.is_busy = False

    @property
    def waiting_count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def add(self, utterance: Utterance) -> None:
        """Have *utterance* written down after those before it."""
        self._waiting.append(utterance)
        self.held_bytes += utterance.sound_bytes
        self._more.set()

    def finish(self) -> None:
        """Begin no other; ``run`` returns when the one that is being written down is done."""
        self._is_ending = True
        self._more.set()

    def give_up(self) -> None:
        """Tell that those that wait are not written down."""
        error = ShuttingDown("This server stopped before this was written down; say it again in a new session.")
        while self._waiting:
            self._outbox.put(failed_event(self._waiting.popleft().item_id, error))

    async def run(self) -> None:
        """Work until ``finish``."""
        while not self._is_ending:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
                continue
            utterance = self._waiting.popleft()
            self.is_busy = True
            self.count += 1
            await self._write(utterance)
            self.is_busy = False
            self.held_bytes -= utterance.sound_bytes

    async def _write(self, utterance: Utterance) -> None:
        item_id, outbox = utterance.item_id, self._outbox
        try:
            found = await self._transcribe(utterance, lambda delta: outbox.put(delta_event(item_id, delta)))
        except TranscriptionFailed as error:
            outbox.put(failed_event(item_id, error))
        else:
            outbox.put(completed_event(item_id, found.text, found.usage))
