"""Usage that nobody told, as the domain estimates it."""

from llmlb_core import Usage
from llmlb_core.domain.results import Delivered, counted


def test_an_event_with_content_counts_as_a_token():
    """Rule 10: of a stream whose server told no usage, what was delivered is counted, and the result says so."""
    assert Usage(completion_tokens=7, is_counted=True) == counted(Delivered(events=7, characters=30))


def test_four_characters_of_a_plain_answer_count_as_a_token():
    """A begun one is one; nothing is nothing."""
    assert [0, 1, 1, 2] == [counted(Delivered(characters=each)).completion_tokens for each in (0, 1, 4, 5)]
