"""Tables of plugins and options of engines."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from enum import Enum
from pathlib import Path

import pytest
from attrs import field, frozen
from attrs.validators import in_

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.load import structure_table
from llmlb_core.settings.sections import setting


class Mode(Enum):
    FAST = "fast"


@frozen
class Inner:
    size: int = 1


@frozen
class Options:
    issuer: str
    client_secret: str = setting("", "A secret.", secret=True)
    count: int | None = setting(None, "A count.", minimum=1, maximum=5)
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    mode: Mode = Mode.FAST
    since: date | None = None
    folder: Path = Path()
    either: str | int = 0
    color: str = field(default="red", validator=in_(["red", "blue"]))


def failure(table: dict[str, object], file: Path | None = None) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        structure_table(Options, table, ("plugins", "auth_x"), file)
    return caught.value.message


def test_a_good_table_becomes_an_instance():
    """Nested classes, enums, dates, paths and unions work as an author writes them."""
    table = {
        "issuer": "https://x",
        "count": 5,
        "inner": {"size": 2},
        "inners": [{"size": 3}],
        "mode": "fast",
        "since": date(2026, 1, 2),
        "folder": "/srv",
        "either": 3,
    }

    options = structure_table(Options, table, ("plugins", "auth_x"), None)

    assert Options("https://x", "", 5, Inner(2), (Inner(3),), Mode.FAST, date(2026, 1, 2), Path("/srv"), 3) == options


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, "plugins.auth_x.issuer: is missing, expected a string"),
        ({"issuer": "x", "count": 6}, "plugins.auth_x.count: expected at most 5, got 6"),
        ({"issuer": "x", "mode": "slow"}, "plugins.auth_x.mode: expected Mode, got the string 'slow'"),
        ({"issuer": "x", "inner": {"sice": 1}}, "plugins.auth_x.inner.sice: is not a setting; did you mean 'size'?"),
        ({"issuer": "x", "inners": [{}, {"size": "1"}]}, "plugins.auth_x.inners[1].size: expected an integer, got the string '1'"),
        ({"issuer": "x", "either": 1.5}, "plugins.auth_x.either: expected a string or an integer, got the float 1.5"),
        ({"issuer": "x", "color": "green"}, "plugins.auth_x.color: 'color' must be in"),
    ],
)
def test_a_wrong_table_is_told_by_its_key(table, expected):
    """The path is the one that the file has."""
    assert failure(table).startswith(expected)


def test_a_secret_of_the_wrong_type_is_not_shown():
    """An error may end up in a log."""
    assert "plugins.auth_x.client_secret: expected a string, got an integer" == failure({"issuer": "x", "client_secret": 4711})


def test_a_secret_is_not_in_the_repr():
    """Nor may a ``repr``."""
    assert "hush" not in repr(Options("x", "hush"))


def test_the_line_comes_from_the_file(tmp_path):
    """Also where the id of a model is written in upper case there."""
    file = tmp_path / "llmlb.toml"
    file.write_text('[models."Org/X".options]\n\nsize = "1"\n')

    with pytest.raises(SettingsInvalid, match=rf'models."org/x".options.size: .* \({file}:3\)'):
        structure_table(Inner, {"size": "1"}, ("models", "org/x", "options"), file)


def test_a_file_that_is_gone_costs_only_the_line(tmp_path):
    """The problem itself is told all the same."""
    assert "plugins.auth_x.issuer: is missing, expected a string" in failure({}, tmp_path / "gone.toml")


def test_plain_settings_do_not_import_cattrs():
    """It takes 50 ms, and only unusual types need it."""
    code = (
        "import sys; from pathlib import Path; from llmlb_core.settings.load import load_settings;"
        "load_settings(environ={'LLMLB_PORT': '1'}, data_dir=Path('x')); print('cattrs' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "False" == done.stdout.strip()
