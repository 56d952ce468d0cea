"""Tests of masks written to files."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.pipeline import ImagePipeline, write_masks
from sklearn_melanoma.preprocessing import HairRemover
from sklearn_melanoma.segmentation import WatershedSegmenter


@pytest.fixture
def files(make_image, skin, tmp_path):
    """Return the paths of two images, one without a lesion and one that is not an image, and of their masks."""
    images = {"a.png": make_image(450, 600), "b.png": make_image(60, 80, seed=1), "skin.png": skin}
    for name, image in images.items():
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "text.png").write_text("no image")
    names = [*images, "text.png"]
    return [str(tmp_path / name) for name in names], [str(tmp_path / "masks" / "of" / name) for name in names]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_masks_are_those_of_predict_at_source_size(files, n_jobs):
    images, masks = files
    images, masks = images[:3] * 6, [f"{i}{os.path.splitext(mask)[1]}" for i, mask in enumerate(masks[:3] * 6)]
    folder = os.path.dirname(files[1][0])
    masks = [os.path.join(folder, mask) for mask in masks]
    table = write_masks(WatershedSegmenter(), images, masks, n_jobs=n_jobs)
    assert list(table.index) == images
    assert list(table["mask"]) == masks
    assert sorted(os.listdir(folder)) == sorted(map(os.path.basename, masks))
    for mask, expected in zip(masks[:3], WatershedSegmenter().predict(images[:3]), strict=True):
        np.testing.assert_array_equal(read_mask(mask), expected)
        with Image.open(mask) as image:
            assert {level for _, level in image.getcolors()} <= {0, 255}
    assert table["area_fraction"].iloc[0] == pytest.approx(read_mask(masks[0]).mean(), abs=0.005)
    assert list(table["area_fraction"].iloc[[2, 5]]) == [0, 0]
    assert list(table["problem"][:3]) == ["", "", "no lesion found"]


def test_unreadable_image(files):
    images, masks = files
    with pytest.raises(ValueError, match=r"X\[3\] \('.*text.png'\): could not read .*text.png'"):
        write_masks(WatershedSegmenter(), images, masks)
    table = write_masks(WatershedSegmenter(), images, masks, on_error="skip")
    assert sorted(os.listdir(os.path.dirname(masks[0]))) == ["a.png", "b.png", "skin.png"]
    assert table["mask"].isna().tolist() == [False, False, False, True]
    assert np.isnan(table["area_fraction"].iloc[3])
    assert table["problem"].iloc[3].startswith("could not read '")


def test_positions_count_in_the_whole_sequence(files, make_image):
    images, masks = files
    images = [make_image(24, 32)] * 20 + images[3:]
    masks = [os.path.join(os.path.dirname(masks[0]), f"{i}.png") for i in range(21)]
    with pytest.raises(ValueError, match=r"X\[20\] \('"):
        write_masks(WatershedSegmenter(), images, masks)
    assert len(os.listdir(os.path.dirname(masks[0]))) == 16  # masks of the first batch are kept


def test_pipelines_of_image_steps(files):
    images, masks = files
    steps = [("clean", HairRemover()), ("segment", WatershedSegmenter())]
    table = write_masks(ImagePipeline(steps), images[:1], masks[:1])
    whole = write_masks(make_melanoma_pipeline()["features"][:-1], images[:1], masks[1:2])
    assert table["area_fraction"].iloc[0] == pytest.approx(whole["area_fraction"].iloc[0], abs=0.01)


def test_full_disk_is_not_skipped_and_leaves_no_file(files, monkeypatch):
    def fill(image, *arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fill)
    images, masks = files
    with pytest.raises(OSError, match="No space left on device"):
        write_masks(WatershedSegmenter(), images[:2], masks[:2], on_error="skip")
    assert os.listdir(os.path.dirname(masks[0])) == []


def test_interrupted_writing_keeps_the_old_mask(files, monkeypatch):
    images, masks = files
    write_masks(WatershedSegmenter(), images[:1], masks[:1])
    expected = read_mask(masks[0])

    def interrupt(image, path, **options):
        with open(path, "wb") as file:
            file.write(b"\x89PNG")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_masks(WatershedSegmenter(), images[:1], masks[:1])
    assert os.listdir(os.path.dirname(masks[0])) == ["a.png"]
    np.testing.assert_array_equal(read_mask(masks[0]), expected)


def test_no_images(tmp_path):
    table = write_masks(WatershedSegmenter(), [], [])
    assert table.empty
    assert list(table.columns) == ["mask", "area_fraction", "problem"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"paths": ["a.png"]}, "X and paths must have the same length, got 2 and 1"),
        ({"on_error": "ignore"}, "on_error must be 'raise' or 'skip', got 'ignore'"),
        ({"paths": ["a.jpg", "b.jpg"]}, r"paths must end in \.png, got 'a\.jpg'"),
    ],
)
def test_wrong_arguments_raise(make_image, change, match):
    arguments = {"paths": ["a.png", "b.png"]} | change
    with pytest.raises(ValueError, match=match):
        write_masks(WatershedSegmenter(), [make_image(24, 32)] * 2, **arguments)
