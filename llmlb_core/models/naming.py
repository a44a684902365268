"""Names of models and of their files: what is safe to use as a path, and how a file name becomes a model's id."""

from __future__ import annotations

import re

from llmlb_core.errors import ModelFilesInvalid

MANIFEST_NAME = "manifest.json"
PART_SUFFIX = ".part"
MAX_ID_LENGTH = 200
MAX_FILE_NAME_LENGTH = 1024
_MAX_SEGMENT_BYTES = 240  # file systems take 255; ".part" and a temporary file's suffix need room

_ID_SEGMENT = re.compile(r"[a-z0-9_][a-z0-9._+-]*")
# Windows opens a device when a path has one of these as a name, with any suffix.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(1, 10))})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_QUANTIZATION = re.compile(
    r"[._-](?:ud[._-])?(?:i?q\d(?:_[0-9a-z]+)*|iq\d_[0-9a-z_]+|tq\d_\d|mxfp4(?:_moe)?|nvfp4|bf16|fp?16|fp?32)$", re.IGNORECASE
)


def check_id(name: str) -> str:
    """Return *name* in lower case when it can name a model's directory.

    Raises:
        ModelFilesInvalid: It cannot; says which part, and what is allowed.
    """
    lowered = name.lower()
    if len(lowered) > MAX_ID_LENGTH:
        raise ModelFilesInvalid(f"a model id of {len(lowered)} characters is too long; at most {MAX_ID_LENGTH} are allowed")
    for segment in lowered.split("/"):
        is_device = segment.split(".")[0] in _DEVICES
        if not _ID_SEGMENT.fullmatch(segment) or segment.endswith(".") or is_device or segment == MANIFEST_NAME:
            raise ModelFilesInvalid(
                f"{_shown(name)} cannot be a model id: its part {_shown(segment)} is not allowed. Ids are made of the letters a-z, "
                "digits and . _ + -, parts are separated by /, and none begins with a dot; give another with --name"
            )
    return lowered


def check_alias(name: str) -> str:
    """Return *name* in lower case when clients may call a model by it; aliases need not be safe as paths.

    Raises:
        ModelFilesInvalid: It is empty, too long, or holds white space or control characters.
    """
    lowered = name.lower()
    if not lowered or len(lowered) > MAX_ID_LENGTH or not lowered.isprintable() or any(letter.isspace() for letter in lowered):
        raise ModelFilesInvalid(
            f"{_shown(name)} cannot name a model: expected 1 to {MAX_ID_LENGTH} printable characters without white space"
        )
    return lowered


def check_file_name(name: str) -> str:
    """Return *name* when it is a relative path that stays inside a model's directory, on every system.

    Raises:
        ModelFilesInvalid: It is absolute, has ``..``, NUL, a backslash, a drive, or is one that llmlb uses itself.
    """
    segments = name.split("/")
    reason = ""
    if len(name) > MAX_FILE_NAME_LENGTH or any(len(s.encode("utf-8", "surrogatepass")) > _MAX_SEGMENT_BYTES for s in segments):
        reason = "it is too long"
    elif _CONTROL.search(name) or any("\ud800" <= letter <= "\udfff" for letter in name):
        reason = "it holds control characters"
    elif "\\" in name or ":" in name:
        reason = "it holds a backslash or a colon"
    elif any(segment in {"", ".", ".."} for segment in segments):
        reason = "it is not a plain relative path"
    elif any(segment[-1] in ". " or segment.split(".")[0].rstrip().lower() in _DEVICES for segment in segments):
        reason = "a part of it means something else on some systems"
    elif name.lower() == MANIFEST_NAME or name.lower().endswith(PART_SUFFIX):
        reason = "llmlb uses such a name itself"
    if reason:
        raise ModelFilesInvalid(f"the file name {_shown(name)} is refused: {reason}; expected one such as 'tokenizer/vocab.json'")
    return name


def model_id_of(file_name: str) -> str:
    """Derive a model's id from the name of its main file: lower case, without suffix, shard number and quantization.

    ``SmolLM2-135M-Instruct.Q4_1.gguf`` becomes ``smollm2-135m-instruct``. What is left may still be refused by ``check_id``.
    """
    stem = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    stem = stem.rsplit(".", 1)[0] if stem.lower().endswith((".gguf", ".safetensors")) else stem
    stem = _SHARD.sub("", stem)
    stem = _QUANTIZATION.sub("", stem) or stem
    return re.sub(r"[^a-z0-9._+-]+", "-", stem.lower()).strip("-.") or "model"


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "…")
