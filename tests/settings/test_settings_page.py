"""``docs/reference/settings.md``."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from llmlb_core.settings.load import load_settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "settings.md"


def test_the_page_is_what_the_classes_say():
    """Run ``python docs/tools/settings.py`` after changing a setting."""
    spec = importlib.util.spec_from_file_location("settings_page", ROOT / "docs" / "tools" / "settings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.page() == PAGE.read_text(encoding="utf-8")


def test_the_example_of_the_page_is_valid(tmp_path):
    """What a reader copies works."""
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "llmlb.toml").write_text(example)

    settings = load_settings(environ={}, data_dir=tmp_path)

    assert (200, {"batch jobs": 0.5}) == (settings.admission.queue_size, settings.admission.weights)
