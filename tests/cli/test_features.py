"""Tests of the command that writes a table of features."""

import importlib.util
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.cli import _progress
from sklearn_melanoma.datasets import find_images
from sklearn_melanoma.images import read_image, read_mask

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found")


def compute(images, features="survey", **parameters):
    return make_melanoma_pipeline(features)["features"].set_params(**parameters).fit_transform(images)


def test_rows_are_those_of_the_pipeline(run, monkeypatch):
    monkeypatch.setattr(_progress, "_CHUNK", 16)  # so that the table comes in parts
    result = run("features", "images", "-o", "new/table.csv", "--features", "survey", "-j", 1)
    table = pd.read_csv("new/table.csv", index_col="path")
    pd.testing.assert_frame_equal(table, compute(find_images("images")).rename_axis("path"))
    assert result.stdout == f"40 rows written to {os.path.join('new', 'table.csv')}\n"
    assert result.stderr == ""
    assert os.listdir("new") == ["table.csv"]


def test_all_features_by_default(run):
    run("features", "images/image00.png", "-o", "table.csv", "-j", 1)
    assert pd.read_csv("table.csv", index_col=0).shape == compute(["images/image00.png"], "all").shape


def test_excel(run):
    run("features", "images/*.png", "-o", "table.xlsx", "--features", "survey", "-j", 1)
    table = pd.read_excel("table.xlsx", index_col="path").astype(float)
    pd.testing.assert_frame_equal(table, compute(find_images("images")).rename_axis("path"))


def test_parquet_is_written_by_pandas(run, monkeypatch):
    monkeypatch.setattr("sklearn_melanoma.cli._outputs.find_spec", lambda name: name)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", pd.DataFrame.to_pickle)
    monkeypatch.setattr(_progress, "_CHUNK", 16)
    run("features", "images", "-o", "table.parquet", "--features", "survey", "-j", 1)
    pd.testing.assert_frame_equal(pd.read_pickle("table.parquet"), compute(find_images("images")).rename_axis("path"))


def test_parquet_is_read_again(run):
    pytest.importorskip("pyarrow")
    run("features", "images/*.png", "-o", "table.parquet", "--features", "survey", "-j", 1)
    table = pd.read_parquet("table.parquet")
    pd.testing.assert_frame_equal(table, compute(find_images("images")).rename_axis("path"), check_index_type=False)


@pytest.mark.parametrize(
    ("suffix", "package", "extra"), [(".parquet", "pyarrow", "parquet"), (".xlsx", "openpyxl", "excel")]
)
def test_missing_writer(run, monkeypatch, suffix, package, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr("sklearn_melanoma.cli._outputs.find_spec", lambda name: None if name == package else find(name))
    result = run("features", "images", "-o", f"table{suffix}", exit_code=1)
    assert result.stderr == (
        f"Error: {suffix} files need {package}. Install it with: pip install 'sklearn-melanoma[{extra}]'\n"
    )


def test_given_masks(run):
    images = find_images("images")[:5]
    run("features", *images, "-o", "table.csv", "--features", "survey", "--masks", "truth", "-j", 1)
    lesions = [Lesion(read_image(path), read_mask(path.replace("images", "truth")), source=path) for path in images]
    expected = compute(lesions, segment="passthrough")
    pd.testing.assert_frame_equal(pd.read_csv("table.csv", index_col="path"), expected.rename_axis("path"))


def test_missing_and_unreadable_masks(run):
    os.remove("truth/image01.png")
    with open("truth/image02.png", "w") as file:
        file.write("no mask")
    arguments = ["images/image0[0-2].png", "-o", "table.csv", "--masks", "truth", "--features", "survey", "-j", 1]
    result = run("features", *arguments, exit_code=1)
    assert "--masks must hold a mask of each image, but 1 of 3 have none, such as 'images/image01.png'" in result.stderr
    result = run("features", "images/image02.png", *arguments[1:], exit_code=1)
    assert result.stderr.startswith("Error: could not read 'truth/image02.png'") or "image02.png" in result.stderr
    result = run("features", *arguments, "--on-error", "skip")
    assert "Warning: 2 of 3 images have problems" in result.stderr
    assert pd.read_csv("table.csv", index_col="path").isna().all(axis=1).tolist() == [False, True, True]


def test_millimeters(run):
    run("features", "images/image00.png", "-o", "table.csv", "--mm-per-pixel", 0.1, "-j", 1)
    table = pd.read_csv("table.csv", index_col="path")
    pixels = compute(["images/image00.png"], "all")
    assert table["area_mm2"].iloc[0] == pytest.approx(pixels["area"].iloc[0] * 0.01)
    run("features", "images/image00.png", "-o", "survey.csv", "--features", "survey", "--mm-per-pixel", 0.1, "-j", 1)
    assert "max_span_mm" in pd.read_csv("survey.csv").columns


@pytest.fixture
def scans():
    """Write two DICOM files with a scale, and their masks."""
    pytest.importorskip("pydicom")
    from tests._dicom import dicom

    os.makedirs("scans")
    for number, width in ((0, 0.02), (1, 0.04)):
        pixels = read_image(f"images/image0{number}.png")
        data = dicom(pixels, shape=pixels.shape[:2], PixelSpacing=[width, width])
        with open(f"scans/image0{number}.dcm", "wb") as file:
            file.write(data)


@pytest.mark.parametrize("options", [[], ["--masks", "truth"]])
def test_scales_of_dicom_files(run, scans, options):
    arguments = ["features", "scans", "-o", "table.csv", "--features", "survey", "-j", 1, *options]
    assert run(*arguments).stderr == ""
    table = pd.read_csv("table.csv", index_col="path")
    pixels = compute(["scans/image00.dcm", "scans/image01.dcm"])["area"].to_numpy()
    if options:
        pixels = np.array([read_mask(f"truth/image0{number}.png").sum() for number in range(2)])
    np.testing.assert_allclose(table["area_mm2"], pixels * [0.02**2, 0.04**2])
    code = run(*arguments, "--show-code").stdout
    os.remove("table.csv")
    exec(compile(code, "code", "exec"), {})
    pd.testing.assert_frame_equal(pd.read_csv("table.csv", index_col="path"), table)
    run(*arguments, "--mm-per-pixel", 0.1, "--force")
    np.testing.assert_allclose(pd.read_csv("table.csv")["area_mm2"], pixels * 0.1**2)


def test_scales_of_some_images(run, scans):
    shutil.copy("images/image02.png", "scans/image02.png")
    with open("scans/empty.dcm", "w"):
        pass
    arguments = ["features", "scans", "-o", "table.csv", "--features", "survey", "-j", 1, "--on-error", "skip"]
    message = "Warning: Lengths and areas are in pixels, because only 2 of 3 images give a scale. Compute the others"
    assert message in run(*arguments).stderr
    assert "area" in pd.read_csv("table.csv").columns
    os.remove("scans/image02.png")
    run(*arguments, "--force")
    assert pd.read_csv("table.csv")["area_mm2"].isna().tolist() == [True, False, False]


def test_columns_of_a_table(run):
    result = run("features", "images", "-o", "table.csv", "--features", "survey", "--columns", "labels.csv", "-j", 1)
    table = pd.read_csv("table.csv", index_col="path")
    assert list(table.columns[:3]) == ["diagnosis", "patient_id", "age"]
    np.testing.assert_array_equal(table["age"], 30 + np.arange(40))
    assert result.stderr == ""


def test_skipped_images_have_empty_rows(run, broken, skin):
    Image.fromarray(skin).save("images/skin.png")
    result = run("features", "images", "-o", "table.csv", "--features", "survey", "--on-error", "skip", "-j", 1)
    table = pd.read_csv("table.csv", index_col="path")
    assert table.index[table.isna().all(axis=1)].tolist() == [os.path.join("images", "skin.png"), broken]
    assert result.stderr.startswith("Warning: 2 of 42 images have problems: could not read")


def test_memory_is_used_again(run, monkeypatch):
    arguments = ["--features", "survey", "--memory", "cache", "-j", 1]
    run("features", "images", "-o", "first.csv", *arguments)

    def refuse(*arguments, **options):
        raise AssertionError("computed again")

    monkeypatch.setattr("sklearn_melanoma.segmentation._estimators.segment_watershed", refuse)
    run("features", "images", "-o", "second.csv", *arguments)
    with open("first.csv") as first, open("second.csv") as second:
        assert first.read() == second.read()
