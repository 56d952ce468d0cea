"""Robustness: search for broken files with Atheris, guided by the lines of Python code that they reach.

Atheris works on Linux and macOS: ``pip install atheris``. It follows the Python code of Pillow and of this package, not
the decoders in C. The exit code is 0 when the time is over. It is not 0 if a file crashes, ends in an error that is not
allowed, or takes over 5 s or 1 GB. The first such file is kept.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

# Modules are instrumented when they are imported, so nothing of the package may be imported before.
WATCHED = ["PIL", "sklearn_melanoma"]
ENTRIES = ("image at 384", "mask", "survey")


def main(
    seconds: Annotated[int, typer.Option(min=1, help="Duration of the search.")] = 120,
    seed: Annotated[int, typer.Option(min=1, help="Seed of the random changes.")] = 1,
    keep: Annotated[Path, typer.Option(help="Folder for a file that fails.")] = Path("build/fuzz"),
) -> None:
    """Search for files that end in a crash, or in an error that is not allowed."""
    try:
        import atheris
    except ImportError as error:
        raise ImportError("this search needs Atheris: pip install atheris") from error
    with atheris.instrument_imports(include=WATCHED):
        from benchmarks._changes import find_outcome
        from benchmarks._corpus import build_corpus
        from benchmarks._dicom_files import build_dicom_corpus

    folder = TemporaryDirectory()
    path, corpus = Path(folder.name, "image.jpg"), Path(folder.name, "corpus")
    corpus.mkdir()
    keep.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate([*build_corpus().values(), *build_dicom_corpus().values()]):
        (corpus / str(number)).write_bytes(data)

    def read_bytes(data: bytes) -> None:
        path.write_bytes(data)
        for entry in ENTRIES:
            outcome = find_outcome(entry, str(path))
            if outcome.startswith("!"):
                raise AssertionError(f"{entry}: {outcome[1:]}")

    limits = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1000", "-max_len=20000"]
    options = [f"-seed={seed}", f"-artifact_prefix={keep}/", "-print_final_stats=1"]
    warnings.simplefilter("ignore")
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], read_bytes)
    atheris.Fuzz()  # this call does not return


if __name__ == "__main__":
    typer.run(main)
