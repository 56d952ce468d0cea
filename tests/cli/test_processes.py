"""Tests of each command in its own process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.slow
PROGRAM = [sys.executable, "-m", "sklearn_melanoma"]


def run_process(*arguments, exit_code=0):
    result = subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert result.returncode == exit_code, result.stderr
    assert "Traceback" not in result.stderr
    return result


def test_from_a_folder_to_an_answer(place, broken):
    skip = ["--on-error", "skip"]
    run_process("segment", "images", "-o", "masks", "--overview", "borders.png", *skip)
    assert len(os.listdir("masks")) == 40
    run_process("features", "images", "-o", "table.csv", "--memory", "cache", *skip)
    assert len(pd.read_csv("table.csv")) == 41
    result = run_process(
        "train", "images", "--labels", "labels.csv", "-o", "new.skops", "--memory", "cache", "--sensitivity", 0.9, *skip
    )
    assert "ROC AUC" in result.stdout
    run_process("predict", "new.skops", "images", "-o", "p.csv", "--report", "p.html", "--memory", "cache", *skip)
    assert pd.read_csv("p.csv")["score"].notna().sum() == 40
    run_process("report", "new.skops", "images", "--labels", "labels.csv", "-o", "report.html")
    assert os.path.getsize("report.html") > 50_000
    assert len(run_process("suggest", "new.skops", "images", "-n", 5, *skip).stdout.splitlines()) == 5
    assert "# Model card" in run_process("info", "new.skops").stdout


def test_demo(place):
    os.rename("truth", "images/masks")
    os.rename("labels.csv", "images/labels.csv")
    data = ["--data", "images", "--dataset", "folder"]
    assert "ROC AUC" in run_process("demo", *data, "--labels", 6, "--repeats", 2, "--output", "demo.png").stdout
    with Image.open("demo.png") as figure:
        assert figure.size[0] > 500


def test_wrong_input_is_one_line(place):
    result = run_process("features", "gone", "-o", "table.csv", exit_code=1)
    assert result.stderr == "Error: IMAGES must exist, got 'gone'. Check the spelling.\n"
    result = run_process("features", "images", exit_code=2)
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_keeps_what_is_done(place):
    for number in range(20):
        shutil.copytree("images", f"many/{number}")
    process = subprocess.Popen(
        [*PROGRAM, "features", "many", "-o", "table.csv", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (os.path.exists("table.part.csv") and Path("table.part.csv").read_bytes().count(b"\n") > 300):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # also to the worker processes, like a terminal
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    n_rows = len(pd.read_csv("table.part.csv"))
    assert n_rows in (256, 512, 768)
    assert errors.splitlines() == [
        f"Kept: {n_rows} of 800 rows, in 'table.part.csv'.",
        "Interrupted: stopped before the end.",
    ]
