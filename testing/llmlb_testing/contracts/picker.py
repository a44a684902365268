"""The kit for pickers."""

from __future__ import annotations

import inspect

import pytest

from llmlb_core import Picker
from llmlb_testing.calls import candidates, make_call
from llmlb_testing.io_guard import no_io


class PickerContract:
    """Rules of ``llmlb_core.Picker``. Needs a fixture ``picker``."""

    def test_picking_is_not_async(self, picker: Picker) -> None:
        """It is asked while a call is placed; a coroutine would never run."""
        for method in (picker.pick, picker.preview):
            assert not inspect.iscoroutinefunction(method), f"{method.__name__} is 'async def'; write 'def'"

    @pytest.mark.parametrize("count", [1, 2, 3, 16, 1000])
    def test_it_returns_one_of_the_candidates(self, picker: Picker, count: int) -> None:
        """The very object that it was given, not a copy."""
        offered = candidates(count)

        for _ in range(5):
            picked = picker.pick(make_call(), offered)
            assert any(picked is each for each in offered), "it picked none of the candidates that it was given"
        assert picker.reason.strip()

    def test_it_never_returns_one_that_is_absent(self, picker: Picker) -> None:
        """Candidates come and go from call to call, and positions have gaps; a model may get more endpoints, or fewer."""
        for number in range(64):
            every = candidates(8 - number % 3, model=f"m{number % 2}")
            some = [each for each in every if number >> (each.position % 6) & 1] or every[3:4]
            picked = picker.pick(make_call(), some)

            assert any(picked is each for each in some), "it picked one that was not offered"

    def test_a_preview_is_what_comes_and_changes_nothing(self, picker: Picker) -> None:
        """Explanations ask for it; None says that chance decides."""
        offered = candidates(5)
        for _ in range(12):
            call = make_call()
            first, second = picker.preview(call, offered), picker.preview(call, offered)
            picked = picker.pick(call, offered)

            assert first is second, "asking twice gives two answers"
            assert first is None or first is picked, "the preview names another one"

    def test_it_waits_for_nothing(self, picker: Picker) -> None:
        """It is asked on the event loop for every choice: no file, no network, no sleep."""
        offered = candidates(4)
        picker.pick(make_call(), offered)

        with no_io("pick"):
            picker.pick(make_call(), offered)
