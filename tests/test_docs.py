"""Tests of the Python blocks of all pages, the scripts of the gallery, and the names on the reference pages.

A line ``% not run: <reason>`` just before a block excludes it. A line ``% needs: scikit-learn 1.9`` excludes it with
older versions.
"""

from __future__ import annotations

import doctest
import importlib
import re
import runpy
import tempfile
from pathlib import Path

import pytest
import sklearn
import typer
from packaging.version import Version

import sklearn_melanoma
from sklearn_melanoma import __version__
from sklearn_melanoma.cli import app
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.segmentation import PixelPerceptron

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
STAGES = [name for name in sklearn_melanoma.__all__ if (ROOT / "sklearn_melanoma" / name).is_dir()]
GALLERY = sorted((ROOT / "docs" / "gallery").glob("*/*.py"))
BLOCK = re.compile(
    r"(?P<skip>^% not run: [^\n]+\n)?(?:^% needs: scikit-learn (?P<version>\S+)\n)?^```python\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def read_blocks(text: str) -> list[tuple[int, str]]:
    """Return the line before each block to run, and the code of the block."""
    found = (m for m in BLOCK.finditer(text) if not m["skip"])
    here = Version(sklearn.__version__)
    return [(text[: m.start("code")].count("\n"), m["code"]) for m in found if here >= Version(m["version"] or "0")]


def page_params() -> list[object]:
    pages = (page for page in PAGES if read_blocks(page.read_text("utf-8")))
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


def run_block(code: str, line: int, page: Path, namespace: dict[str, object]) -> None:
    """Run one block. For a session with prompts, compare the output too."""
    if not code.startswith(">>>"):
        # With the empty lines, the line numbers of a traceback are those of the page.
        exec(compile("\n" * line + code, page, "exec"), namespace)
        return
    session = doctest.DocTestParser().get_doctest(code, namespace, page.name, str(page), line)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(session, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)


def set_quick_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make images small and training short, unless the code sets these options: this halves the time."""
    monkeypatch.setitem(make_lesions.__kwdefaults__, "image_size", (96, 128))
    monkeypatch.setitem(PixelPerceptron.__init__.__kwdefaults__, "min_steps", 50)


@pytest.mark.slow
@pytest.mark.parametrize("page", page_params())
def test_page_runs(page, tmp_path, monkeypatch):
    text = page.read_text("utf-8")
    if ">>>" not in text:  # the output is for the true defaults
        set_quick_defaults(monkeypatch)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line, code in read_blocks(text):
        run_block(code, line, page, namespace)


@pytest.mark.slow
@pytest.mark.parametrize("script", GALLERY, ids=lambda script: script.stem)
def test_example_runs(script, tmp_path, monkeypatch):
    set_quick_defaults(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runpy.run_path(str(script), run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} <= {"dask-scratch-space"}  # Dask leaves its locks there


def test_examples_are_found():
    assert {"plot_segment_folder", "plot_few_labels", "plot_report"} <= {path.stem for path in GALLERY}


def test_pages_are_found():
    names = {page.name for page in PAGES if read_blocks(page.read_text("utf-8"))}
    assert {"README.md", "quickstart.md", "segmentation.md", "pipeline.md"} <= names


def test_a_wrong_output_fails():
    with pytest.raises(AssertionError, match="Expected"):
        run_block(">>> 1 + 1\n3\n", 0, Path("page.md"), {})


def test_marked_blocks_are_left_out():
    text = "```python\na = 1\n```\n\n% not run: needs images\n```python\na = 2\n```\n"
    assert read_blocks(text) == [(1, "a = 1\n")]


@pytest.mark.parametrize(("version", "blocks"), [("1.0", [(2, "a = 1\n")]), ("100.0", [])])
def test_blocks_for_newer_versions_are_left_out(version, blocks):
    assert read_blocks(f"% needs: scikit-learn {version}\n```python\na = 1\n```\n") == blocks


@pytest.mark.parametrize("stage", STAGES)
def test_reference_lists_every_public_name(stage):
    page = (ROOT / "docs" / "reference" / f"{stage}.md").read_text("utf-8")
    listed = re.findall(r"^   (\w+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(importlib.import_module(f"sklearn_melanoma.{stage}").__all__)


def test_index_of_the_reference_lists_every_public_name():
    index = (ROOT / "docs" / "reference" / "index.md").read_text("utf-8")
    tables = dict(re.findall(r"^\.\. currentmodule:: (\S+)$(.*?)^```$", index, re.MULTILINE | re.DOTALL))
    listed = {module: sorted(re.findall(r"^   (\w+)$", table, re.MULTILINE)) for module, table in tables.items()}
    modules = [f"sklearn_melanoma.{stage}" for stage in STAGES]
    public = {name: sorted(importlib.import_module(name).__all__) for name in modules}
    assert listed == public | {"sklearn_melanoma": ["Lesion"]}


def test_reference_lists_every_command():
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(typer.main.get_command(app).commands)


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_citation_has_the_version_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [__version__]


def test_every_stage_has_a_reference_page():
    package = ROOT / "sklearn_melanoma"
    names = {path.parent.name for path in package.glob("*/__init__.py")} | {path.stem for path in package.glob("*.py")}
    assert {name for name in names if not name.startswith("_")} - {"cli"} == set(STAGES)
