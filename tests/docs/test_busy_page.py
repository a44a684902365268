"""``docs/how-to/busy.md``: what it says of errors, settings, pages and metrics is so."""

from __future__ import annotations

import re

import pytest
from llmlb_testing.asgi import open_app

from llmlb_core import errors
from llmlb_core.settings.load import load_settings
from llmlb_core.settings.sections import AdmissionSettings, WorkerSettings


@pytest.fixture
def page(root):
    return root / "docs" / "how-to" / "busy.md"


def test_its_settings_are_settings(page, blocks, tmp_path):
    """Nothing in the block is unknown; but for the two that are marked as choices, its numbers are the defaults."""
    (tmp_path / "llmlb.toml").write_text(next(iter(blocks(page, "toml"))))

    settings = load_settings(environ={"LLMLB_DATA_DIR": str(tmp_path)})

    plain, said = AdmissionSettings(), settings.admission
    assert (40, {"batch jobs": 0.5}) == (said.model_queue_size, said.weights)
    for name in ("queue_size", "queue_timeout_s", "warning_0_1", "overload_0_1"):
        assert getattr(plain, name) == getattr(said, name)
    assert WorkerSettings().warmup_wait_s == settings.workers.warmup_wait_s


def test_its_errors_are_errors(page):
    """Status and code of every row are those of a class of the tree, or of a code that is given to one."""
    known = {
        (each.status, each.code) for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.CallError)
    } | {(503, "queue_full")}

    told = re.findall(r"\| (?:[^|]*?)(\d{3}) `([a-z_]+)`", page.read_text())

    assert len(told) >= 8
    assert [] == [pair for pair in told if (int(pair[0]), pair[1]) not in known]


async def test_its_pages_and_metrics_are_there(page, tmp_path):
    """Every page answers, every metric is shown."""
    async with open_app(tmp_path / "app") as client:
        assert 200 == (await client.chat()).status
        for path in re.findall(r"\| `GET (/v0/[a-z/-]+)` ", page.read_text()):
            assert 200 == (await client.http.get(path)).status_code
        metrics = (await (await client.http.get("/metrics")).get_data()).decode()

    names = set(re.findall(r"`(llmlb_[a-z_]+)", page.read_text()))
    assert len(names) >= 9
    # One is there only while somebody waits.
    assert {"llmlb_queue_waiting_by_model"} == {name for name in names if name.removesuffix("_total") not in metrics}
