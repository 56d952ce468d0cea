"""Random changes to files, and the outcomes of reading them: a result, or one error that names the file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._file_formats import PNG_SIGNATURE, build_chunk
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.images import read_image, read_mask

#: Numbers that replace bytes of a header.
NUMBERS = (b"\0", b"\xff", b"\0\0", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0")

#: Probability of each change. Changes that do not move other bytes are more frequent, because decoders read farther.
CHANGES = {
    "flip": 0.35,
    "number": 0.2,
    "noise": 0.15,
    "insert": 0.05,
    "drop": 0.05,
    "cut": 0.05,
    "repeat": 0.05,
    "splice": 0.1,
}

_survey = make_melanoma_pipeline("survey")["features"]
_all = make_melanoma_pipeline("all")["features"]

#: The functions under test, by name.
ENTRIES: dict[str, Callable[[str], Any]] = {
    "image at 384": lambda path: read_image(path, max_side=384),
    "image as it is": read_image,
    "mask": read_mask,
    "survey": lambda path: _survey.transform([path]),
    "all features": lambda path: _all.transform([path]),
}


def change_file(data: bytes, rng: np.random.Generator, others: list[bytes], *, n_header: int = 100) -> bytes:
    """Return a file with one random change. A third of the changes are within the first `n_header` bytes."""
    size = len(data)
    at = int(rng.integers(min(size, n_header) if rng.random() < 1 / 3 else size)) if size else 0
    length = int(rng.geometric(0.1))
    match rng.choice(list(CHANGES), p=list(CHANGES.values())):
        case "flip":
            return data[:at] + bytes(byte ^ 1 << int(rng.integers(8)) for byte in data[at : at + 1]) + data[at + 1 :]
        case "number":
            number = NUMBERS[rng.integers(len(NUMBERS))]
            return data[:at] + number + data[at + len(number) :]
        case "noise":
            return data[:at] + rng.bytes(length) + data[at + length :]
        case "insert":
            return data[:at] + rng.bytes(length) + data[at:]
        case "drop":
            return data[:at] + data[at + length :]
        case "cut":
            return data[:at]
        case "repeat":
            return data[:at] + data[at : at + length] * int(rng.geometric(0.02)) + data[at:]
        case _:
            return data[:at] + others[rng.integers(len(others))][at:]


def correct_checksums(data: bytes) -> bytes:
    """Return a PNG with correct checksums, so that changed bytes are decoded; other files are returned unchanged."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    corrected, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        corrected.append(build_chunk(data[at + 4 : at + 8], data[at + 8 : end]))
        at = end + 4
    return b"".join(corrected)


def find_outcome(entry: str, path: str, *, strict: bool = False) -> str:
    """Call a function under test with a file, and return the outcome.

    Parameters
    ----------
    entry : str
        Name in `ENTRIES`.
    path : str
        The file.
    strict : bool, default=False
        Whether warnings are errors.

    Returns
    -------
    str
        "result", "ValueError" or "OSError"; for any other error "!" and the error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "ignore")
        # Warnings about the content of a valid file.
        content = (
            "No lesion was found|.* covers the whole rim of the image|.* pages or frames with different images|"
            "The scale of .* is ignored"
        )
        warnings.filterwarnings("ignore", message=content)
        try:
            ENTRIES[entry](path)
        except (ValueError, OSError) as error:
            kind = "ValueError" if isinstance(error, ValueError) else "OSError"
            return kind if repr(os.fsdecode(path)) in str(error) else f"!without its name: {error!r}"
        except Exception as error:
            return f"!{error!r}"
    return "result"
