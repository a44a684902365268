"""``[plugins.modelstore_pypi]``."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class PyPISettings:
    """How packages are fetched. Indexes, proxies and certificates are pip's own configuration."""

    max_bytes: int = field(
        default=64 * 1024**3, metadata={"help": "Largest package, and largest model in one, in bytes.", "minimum": 1024}
    )
    silence_s: float = field(
        default=300.0, metadata={"help": "pip is ended when it neither prints nor writes for so long.", "minimum": 1}
    )
