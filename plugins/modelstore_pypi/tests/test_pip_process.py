"""pip as a process: its failures are told, its silence ends, and none is left behind."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from importlib.metadata import PackageNotFoundError

import pytest
from llmlb_modelstore_pypi import pip as pip_module
from llmlb_modelstore_pypi.pip import Pip

from llmlb_core.errors import DownloadFailed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in for pip is a shell script")


@pytest.fixture
def pip(tmp_path):
    """The real pip, with a folder of its own."""
    return Pip(tmp_path / "cache", 10_000_000, 30.0)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put a shell script in the place of the interpreter that runs pip."""

    def write(script):
        path = tmp_path / "python"
        path.write_text("#!/bin/sh\n" + textwrap.dedent(script))
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return write


async def test_an_old_pip_without_progress_output_works(publish, pip, monkeypatch):
    """Before 24.1 pip prints nothing that a program could read; the size on disk tells."""
    path = publish()
    monkeypatch.setattr(pip_module, "version", lambda _: "23.2")

    fetched = await pip.fetch("toy-model==1.0")

    assert path.read_bytes() == fetched.read_bytes()
    assert [path.name] == [each.name for each in pip.folder.iterdir()]


async def test_a_missing_pip_says_how_to_get_it(pip, monkeypatch):
    """Environments made by other tools have none."""

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(pip_module, "version", missing)

    with pytest.raises(DownloadFailed, match="-m ensurepip"):
        await pip.fetch("toy-model")


async def test_progress_is_told_as_pip_prints_it(pip, stand_in):
    """Bytes and total, and a failure that follows is told with pip's own words, without credentials."""
    stand_in(
        """
        echo 'Progress 1000 of 4000'; sleep 0.6; echo 'Progress 4000 of 4000'
        echo 'WARNING: something'; echo 'ERROR: HTTP error 500 while getting https://user:secret@index.test/x' >&2; exit 1
        """
    )
    told = []

    with pytest.raises(
        DownloadFailed, match=r"pip could not fetch toy-model: HTTP error 500 while getting https://index\.test/x"
    ) as failure:
        await pip.fetch("toy-model", lambda done, total: told.append((done, total)))

    assert (1000, 4000) == told[0]
    assert "secret" not in str(failure.value)
    assert [] == [each.name for each in pip.folder.iterdir()]


async def test_an_index_that_does_not_answer_is_no_unknown_package(pip, stand_in):
    """It says "no matching distribution" for both; its retries tell them apart."""
    stand_in(
        """
        echo 'WARNING: Retrying (Retry(total=0)) after connection broken by x: /simple/toy-model/'
        echo 'ERROR: No matching distribution found for toy-model'; exit 1
        """
    )

    with pytest.raises(DownloadFailed, match="could not fetch toy-model"):
        await pip.fetch("toy-model")


async def test_a_download_above_the_limit_is_ended_at_once(pip, stand_in):
    """The announced size is enough."""
    stand_in("echo 'Progress 10 of 99999999999'; exec sleep 60")

    with pytest.raises(DownloadFailed, match="larger than max_bytes = 10000000"):
        await asyncio.wait_for(pip.fetch("toy-model"), 20)

    assert [] == [each.name for each in pip.folder.iterdir()]


async def test_a_silent_pip_is_ended(tmp_path, stand_in):
    """Every wait has an end."""
    stand_in("echo 'Looking in indexes'; exec sleep 60")

    with pytest.raises(DownloadFailed, match=r"pip did nothing for 0\.1 s .* Looking in indexes"):
        await asyncio.wait_for(Pip(tmp_path / "cache", 1000, 0.1).fetch("toy-model"), 20)


async def test_cancelling_ends_pip(pip, stand_in, tmp_path):
    """No process and no file is left."""
    stand_in(f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60")
    task = asyncio.create_task(pip.fetch("toy-model"))
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a process writes the file: there is no event to await

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert [] == [each.name for each in pip.folder.iterdir()]


async def test_a_file_called_pip_in_the_working_directory_is_not_run(publish, pip, tmp_path, monkeypatch):
    """The command may run anywhere."""
    publish()
    (tmp_path / "pip.py").write_text("raise SystemExit('not pip')")
    monkeypatch.chdir(tmp_path)

    assert (await pip.fetch("toy-model")).exists()
