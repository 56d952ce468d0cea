"""Tests of the command that writes masks."""

import os

import numpy as np
import pytest
from PIL import Image

from sklearn_melanoma.datasets import find_images
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.persistence import save_model
from sklearn_melanoma.segmentation import SegmenterSelector, WatershedSegmenter

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found")
FEW = "images/image0[0-5].png"


def assert_masks(masks, segmenter, images):
    for mask, expected in zip(masks, segmenter.predict(images), strict=True):
        np.testing.assert_array_equal(read_mask(mask), expected)


def test_masks_of_a_folder(run):
    result = run("segment", "images", "-o", "masks", "-j", 1)
    masks = find_images("masks/*.png")
    assert [os.path.basename(mask) for mask in masks] == [f"image{i:02}_mask.png" for i in range(40)]
    assert_masks(masks[:6], WatershedSegmenter(), find_images(FEW))
    assert "40 masks written to masks" in result.stdout
    with Image.open(masks[0]) as image:
        assert image.mode == "L"
        assert {level for _, level in image.getcolors()} == {0, 255}


def test_existing_masks_need_force_or_resume(run):
    run("segment", FEW, "-o", "masks", "-j", 1)
    os.remove("masks/image01_mask.png")
    Image.new("L", (64, 48)).save("masks/image02_mask.png")
    result = run("segment", FEW, "-o", "masks", "-j", 1, exit_code=1)
    assert result.stderr == (
        "Error: 5 of 6 masks exist in 'masks'. --resume keeps them and makes the others, --force replaces them.\n"
    )
    assert "1 masks written" in run("segment", FEW, "-o", "masks", "-j", 1, "--resume").stdout
    assert not read_mask("masks/image02_mask.png").any()
    assert read_mask("masks/image01_mask.png").any()
    assert "6 masks written" in run("segment", FEW, "-o", "masks", "-j", 1, "--force").stdout
    assert read_mask("masks/image02_mask.png").any()
    assert "0 masks written" in run("segment", FEW, "-o", "masks", "-j", 1, "--resume").stdout


def test_unreadable_image(run, broken):
    result = run("segment", "images", "-o", "masks", "-j", 1, exit_code=1)
    assert result.stderr.splitlines()[-1] == (
        f"Error: could not read '{broken}': its 8 bytes are not a JPEG, PNG, BMP, TIFF, WebP or DICOM image. "
        "Add --on-error skip to continue without such images."
    )
    assert "Kept: 32 of 41 masks. --resume makes the others." in result.stderr
    result = run("segment", "images", "-o", "masks", "-j", 1, "--resume", "--on-error", "skip")
    assert "8 masks written" in result.stdout
    assert f"Warning: 1 of 9 images have problems: could not read '{broken}'" in result.stderr
    assert len(os.listdir("masks")) == 40


def test_no_readable_image(run, broken):
    result = run("segment", broken, "-o", "masks", "--on-error", "skip", exit_code=1)
    assert result.stderr.endswith("Error: No image could be read.\n")


def test_image_without_lesion_is_reported(run, skin):
    Image.fromarray(skin).save("skin.png")
    result = run("segment", "skin.png", "-o", "masks", "-j", 1)
    assert "Warning: 1 of 1 images have problems: skin.png: no lesion found." in result.stderr
    assert not read_mask("masks/skin_mask.png").any()


def test_overview(run):
    run("segment", FEW, "-o", "masks", "--overview", "new/borders.png", "-j", 1)
    with Image.open("new/borders.png") as figure:
        assert figure.size[0] > 500


def test_tuning_on_a_few_masks(run):
    few = "truth/image0[0-3].png"
    os.mkdir("few")
    for path in find_images(few):
        os.rename(path, os.path.join("few", os.path.basename(path)))
    result = run("segment", FEW, "-o", "masks", "--masks", "few", "-j", 1)
    assert "in cross-validation on 4 masks." in result.stderr
    level = float(result.stderr.partition("level ")[2][:4].rstrip(";, "))
    even = "even_light True" in result.stderr
    assert_masks(find_images("masks/*.png"), WatershedSegmenter(level=level, even_light=even), find_images(FEW))


def test_selector(run):
    run("segment", FEW, "-o", "masks", "--segmenter", "selector", "-j", 1)
    assert_masks(find_images("masks/*.png"), SegmenterSelector(), find_images(FEW))


def test_segmenter_of_a_file(run):
    wide = WatershedSegmenter(level=0.3, margin=0.02)
    save_model(wide, "wide.skops")
    run("segment", FEW, "-o", "masks", "--segmenter", "wide.skops", "-j", 1)
    assert_masks(find_images("masks/*.png"), wide, find_images(FEW))


def test_segmenter_of_a_model_of_images(run):
    run("segment", FEW, "-o", "masks", "--segmenter", "model.skops", "-j", 1)
    survey = WatershedSegmenter(even_light=False, leave_out_artifacts=False, level=None, margin=0.005)
    assert_masks(find_images("masks/*.png"), survey, find_images(FEW))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--segmenter", "net"],
            "--segmenter must be watershed, selector, pretrained or a file ending in .skops, got net",
        ),
        (["--segmenter", "model.skops", "--masks", "truth"], "--masks tunes watershed, selector, pretrained"),
    ],
)
def test_wrong_segmenter(run, arguments, message):
    result = run("segment", FEW, "-o", "masks", *arguments, exit_code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
