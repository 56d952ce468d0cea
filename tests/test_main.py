"""Tests of the start of the command line."""

import os
import subprocess
import sys

import pytest

# Ctrl-C while a module is imported.
INTERRUPT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "sklearn_melanoma.cli._segment":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from sklearn_melanoma.__main__ import main
main()
"""
WITHOUT_TYPER = "import sys; sys.modules['typer'] = None; from sklearn_melanoma.__main__ import main; main()"


def run_code(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_during_the_imports():
    result = run_code(INTERRUPT)
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == "Interrupted: stopped before the end.\n"


def test_missing_extra_is_one_line():
    result = run_code(WITHOUT_TYPER)
    assert result.returncode == 1
    assert result.stderr == (
        "Error: The command line needs typer and rich. Install them with: pip install 'sklearn-melanoma[cli]'\n"
    )


def test_importing_the_package_imports_no_stage():
    code = (
        "import sys, sklearn_melanoma; print([n for n in sys.modules if n.startswith(('sklearn_melanoma.', 'numpy'))])"
    )
    assert run_code(code).stdout == "[]\n"
