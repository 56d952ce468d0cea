"""A search for files that end otherwise than they may, guided by which lines of Pillow and of this package they reach.

It needs Atheris, for Linux and macOS: ``pip install atheris``. Only Python code is watched, not the decoders in C
below it. It ends with exit code 0 once its time is over, and with another at the first file that crashes, ends in
another error than it may, or takes over 5 s or 1 GB; that file is kept.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

# What is instrumented must be imported under it, so nothing of the package is imported before.
WATCHED = ["PIL", "sklearn_melanoma"]
ENTRIES = ("image at 384", "mask", "survey")


def main(
    seconds: Annotated[int, typer.Option(min=1, help="How long to search.")] = 120,
    seed: Annotated[int, typer.Option(min=1, help="What the changes are drawn from.")] = 1,
    keep: Annotated[Path, typer.Option(help="Folder that a file found goes to.")] = Path("build/fuzz"),
) -> None:
    """Search for files that end otherwise than they may."""
    try:
        import atheris
    except ImportError as error:
        raise ImportError("this search needs Atheris: pip install atheris") from error
    with atheris.instrument_imports(include=WATCHED):
        from benchmarks._changes import outcome, seeds

    folder = TemporaryDirectory()
    path, corpus = Path(folder.name, "photo.jpg"), Path(folder.name, "corpus")
    corpus.mkdir()
    keep.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds().values()):
        (corpus / str(number)).write_bytes(data)

    def put_through(data: bytes) -> None:
        path.write_bytes(data)
        for entry in ENTRIES:
            ended = outcome(entry, str(path))
            if ended.startswith("!"):
                raise AssertionError(f"{entry}: {ended[1:]}")

    limits = [f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1000", "-max_len=20000"]
    options = [f"-seed={seed}", f"-artifact_prefix={keep}/", "-print_final_stats=1"]
    warnings.simplefilter("ignore")
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], put_through)
    atheris.Fuzz()  # does not return


if __name__ == "__main__":
    typer.run(main)
