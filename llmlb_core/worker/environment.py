"""The command line and the environment of a worker: an allow-list, never the server's own."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from attrs import frozen

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONHASHSEED"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH"),
        *("NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "LLMLB_LOG_LEVEL", "SYSTEMROOT", "WINDIR"),
    }
)
_PREFIXES = ("LC_", "CUDA_", "HIP_", "HSA_", "OMP_", "GGML_", "MKL_", "KMP_", "OPENBLAS_", "PYTORCH_", "TORCH_", "MALLOC_")
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY", re.IGNORECASE)


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what of *environ* a worker gets: where to find libraries and devices, never a secret."""
    allowed = {
        name: value
        for name, value in environ.items()
        if (name in _NAMES or name.startswith(_PREFIXES)) and not _SECRET.search(name)
    }
    # Unbuffered, so that the last words of a worker that dies are read.
    return allowed | {"PYTHONUNBUFFERED": "1"}


@frozen
class Command:
    """What is started for one model.

    Attributes:
        interpreter: Path of the Python that runs it; None = this one.
        plugin: Entry-point name of the plugin.
        engine: Name of the engine.
        model: Name of the model, for messages.
    """

    plugin: str
    engine: str
    model: str
    interpreter: str | None = None

    @property
    def python(self) -> str:
        """The interpreter."""
        return self.interpreter or sys.executable

    def arguments(self, address: str) -> list[str]:
        """Return the command line for the channel at *address*."""
        # -P: a module that happens to lie in the server's working directory is not imported.
        return [self.python, "-P", "-m", "llmlb_core.worker", self.plugin, self.engine, address]
