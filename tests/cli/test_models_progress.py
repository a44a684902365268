"""How progress looks on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from llmlb_core.cli.progress import Progress, size_text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 B"), (999, "999 B"), (98_362_432, "98.4 MB"), (999_960_000, "1.0 GB"), (7 * 10**12, "7000.0 GB")]
)
def test_sizes_are_written_for_people(count, expected):
    """Decimal units, one digit."""
    assert expected == size_text(count)


def test_a_log_gets_a_line_every_tenth():
    """Not one for every piece."""
    stream = io.StringIO()
    progress = Progress("toy", stream)

    for done in range(1001):
        progress(done * 1000, 1_000_000)

    lines = stream.getvalue().splitlines()
    assert 11 == len(lines)
    assert "toy: 1.0 MB of 1.0 MB (100 %)" == lines[-1]


def test_a_terminal_gets_a_bar_that_redraws_itself():
    """One line, ended when something else is said."""
    stream = Terminal()
    progress = Progress("toy", stream)

    progress(500, 1000)
    progress(1000, 1000)
    progress.say("done")

    assert stream.getvalue().endswith("\r\x1b[Ktoy [##############################] 1.0 kB of 1.0 kB (100 %)\ndone\n")
    assert "[###############...............]" in stream.getvalue()


def test_an_unknown_total_is_counted_in_bytes():
    """No division by what nobody knows."""
    stream = io.StringIO()
    progress = Progress("toy", stream)

    progress(10, None)
    progress(60_000_000, None)

    assert ["toy: 10 B", "toy: 60.0 MB"] == stream.getvalue().splitlines()
