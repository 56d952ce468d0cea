"""Fixtures for the tests of the command line."""

import csv
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sklearn_melanoma.cli import app
from sklearn_melanoma.datasets import make_lesions

N_IMAGES = 40


def make_runner():
    """Return a runner that captures standard error by itself, as click does from 8.2."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:
        return CliRunner()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """Return a folder with images, masks, labels, and a model of the survey's features."""
    place = tmp_path_factory.mktemp("source")
    (place / "images").mkdir()
    (place / "truth").mkdir()
    lesions = make_lesions(N_IMAGES, melanoma_fraction=0.5, image_size=(48, 64), random_state=0)
    rows = [("image", "diagnosis", "patient_id", "age")]
    for i, (image, mask, target) in enumerate(zip(lesions.images, lesions.masks, lesions.target, strict=True)):
        Image.fromarray(image).save(place / "images" / f"image{i:02}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(place / "truth" / f"image{i:02}.png")
        rows.append((f"image{i:02}.png", "melanoma" if target else "nevus", f"p{i // 2}", 30 + i))
    with open(place / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    arguments = ["images", "--labels", "labels.csv", "-o", "model.skops", "--features", "survey", "-j", "1"]
    old = os.getcwd()
    os.chdir(place)
    try:
        result = make_runner().invoke(app, ["train", *arguments, "--sensitivity", "0.9"])
    finally:
        os.chdir(old)
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def place(template, tmp_path, monkeypatch):
    """Change to a copy of the folder `template`."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(place):
    """Return a function that runs a command in this process, in the folder `place`."""

    def run(*arguments, exit_code=0, **options):
        result = make_runner().invoke(app, [str(argument) for argument in arguments], **options)
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def broken(place):
    """Add a file that is not an image to the images, and return its path."""
    (place / "images" / "text.png").write_text("no image")
    return os.path.join("images", "text.png")
