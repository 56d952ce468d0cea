"""Quality numbers with known answers, and the table of flags."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage as ndi

from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import quality_flags
from sklearn_melanoma.inspection._quality import (
    QUALITY_NUMBERS,
    RULES,
    find_field,
    measure_blur,
    measure_frame_contact,
    measure_quality,
    set_flags,
)

HEIGHT, WIDTH = 288, 384
ALL = np.ones((HEIGHT, WIDTH), dtype=bool)


def draw_disk(row, column, radius):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.hypot(y - row, x - column) < radius


def draw_image(blur=0.0, lines=True):
    """Draw a dark disk and two lines on mottled skin, blurred by a Gaussian of a standard deviation in pixels."""
    random = np.random.default_rng(0)
    image = np.full((HEIGHT, WIDTH, 3), (220, 175, 150), dtype=float)
    image += 120 * ndi.gaussian_filter(random.normal(0, 1, (HEIGHT, WIDTH)), 5)[:, :, np.newaxis]
    image[draw_disk(144, 192, 60)] = (120, 70, 60)
    if lines:
        image[40:42, 50:330] = image[60:240, 80:82] = (60, 45, 40)
    image = ndi.gaussian_filter(image, (blur, blur, 0)) + random.normal(0, 0.5, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


# Numbers


@pytest.mark.parametrize(
    ("center", "expected"),
    [((144, 192), 0), ((0, 192), np.sqrt(2)), ((0, 0), 2), ((144, 192 + 192 - 66), 0)],
)
def test_contact_of_disks(center, expected):
    # The disk with half the area has sqrt(1/2) of the diameter; a quarter of a disk has two radii along the frame.
    contact = measure_frame_contact(draw_disk(*center, 60), ALL)
    assert contact == pytest.approx(expected, abs=0.12)
    assert (contact > RULES["cut_by_frame"].limit) == (expected > 0.5)


def test_a_disk_touching_along_half_its_diameter_loses_three_percent():
    # The chord of length r is at the distance sqrt(3)/2 r from the center.
    disk = draw_disk(60 * np.sqrt(3) / 2, 192, 60)
    assert measure_frame_contact(disk, ALL) == pytest.approx(0.5, abs=0.12)
    assert np.count_nonzero(disk) / (np.pi * 60**2) == pytest.approx(0.971, abs=0.005)


def test_contact_with_a_surround_counts():
    field = ALL.copy()
    field[:144] = False
    assert measure_frame_contact(draw_disk(144, 192, 60) & field, field) == pytest.approx(np.sqrt(2), abs=0.12)


@pytest.mark.parametrize("blur", [1.5, 2.5, 4.0])
def test_blur_of_edges_is_the_standard_deviation_of_a_gaussian(blur):
    assert measure_blur(draw_image(blur, lines=False), ALL) * WIDTH == pytest.approx(blur, rel=0.25)


def test_blur_of_fine_lines_is_underestimated():
    blur = measure_blur(draw_image(4), ALL) * WIDTH
    assert RULES["out_of_focus"].limit * WIDTH < blur < 4


def test_sharp_image_has_no_blur():
    assert measure_blur(draw_image(), ALL) * WIDTH < 0.3


def test_blur_is_relative_to_the_size():
    large = Image.fromarray(draw_image(4))
    small = np.asarray(large.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BOX))
    assert measure_blur(small, ALL[::2, ::2]) == pytest.approx(measure_blur(draw_image(4), ALL), rel=0.2)


@pytest.mark.parametrize("image", [np.full((9, 9, 3), 7, np.uint8), np.full((60, 80, 3), 7, np.uint8)])
def test_flat_images_have_no_blur_to_measure(image):
    assert np.isnan(measure_blur(image, np.ones(image.shape[:2], bool)))


def test_edge_of_the_frame_does_not_count_as_focus():
    image = draw_image(5)
    image[:40] = 0
    field, _ = find_field(image)
    assert measure_blur(image, field) > RULES["out_of_focus"].limit


def test_numbers_of_a_clean_image():
    numbers = measure_quality(Lesion(draw_image(1), draw_disk(144, 192, 60)))
    assert set(numbers) == set(QUALITY_NUMBERS)
    assert numbers["frame_contact"] == numbers["no_lesion"] == numbers["frame_fraction"] == 0
    assert numbers["sticker_fraction"] == 0
    assert 0 < numbers["hair_fraction"] < 0.05


def test_dark_corners_and_stickers_are_measured():
    image = draw_image(1)
    image[~draw_disk(144, 192, 170)] = 0
    numbers = measure_quality(Lesion(image))
    assert numbers["frame_fraction"] == pytest.approx((~draw_disk(144, 192, 170)).mean(), abs=0.1)
    image = draw_image(1)
    image[100:190, :70] = (40, 90, 200)
    numbers = measure_quality(Lesion(image))
    assert numbers["frame_fraction"] == 0
    assert numbers["sticker_fraction"] == pytest.approx(90 * 70 / image[:, :, 0].size, abs=0.03)


def test_padding_is_a_frame():
    image = np.pad(draw_image(1), ((40, 0), (0, 30), (0, 0)), constant_values=255)
    assert measure_quality(Lesion(image))["frame_fraction"] == pytest.approx(1 - 288 * 384 / (328 * 414), abs=0.02)


def test_not_segmented_is_not_without_a_lesion():
    image = draw_image(1)
    assert measure_quality(Lesion(image))["no_lesion"] == 0
    empty = measure_quality(Lesion(image, np.zeros((HEIGHT, WIDTH), bool)))
    assert empty["no_lesion"] == 1
    assert np.isnan(empty["frame_contact"])


def test_flags_are_set_above_their_limits_only():
    values = {rule.number: np.array([rule.limit, rule.limit + 0.01, np.nan]) for rule in RULES.values()}
    for flag, found in set_flags(values).items():
        assert found.tolist() == [False, True, False], flag
    assert "far_from_training" not in set_flags(
        {"blur": np.zeros(1), **{name: np.zeros(1) for name in QUALITY_NUMBERS}}
    )


# Table


def test_table_of_flags(tmp_path):
    paths = [tmp_path / name for name in ("sharp.png", "blurred.png", "skin.png", "notes.png")]
    Image.fromarray(draw_image()).save(paths[0])
    Image.fromarray(draw_image(4)).save(paths[1])
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), (220, 175, 150), np.uint8)).save(paths[2])
    paths[3].write_text("no image")
    table = quality_flags(paths)
    assert list(table.index) == list(map(str, paths))
    assert table["out_of_focus"].tolist() == [False, True, False, False]
    assert table["no_lesion"].tolist() == [False, False, True, False]
    assert table["unreadable"].tolist() == [False, False, False, True]
    assert (table["error"] != "").tolist() == [False, False, False, True]
    assert "notes.png" in table["error"].iloc[3]
    flags = [flag for flag in ("unreadable", *RULES) if flag in table]
    assert {dtype.kind for dtype in table.dtypes[flags]} == {"b"}
    assert "far_from_training" not in table


def test_masks_of_lesions_are_kept():
    lesion = Lesion(draw_image(1), draw_disk(0, 192, 60))
    table = quality_flags([lesion, lesion.image])
    assert table["cut_by_frame"].tolist() == [True, False]


def test_processes_give_the_same_table():
    images = make_lesions(20, image_size=(48, 64), random_state=0).images
    pd.testing.assert_frame_equal(quality_flags(images, n_jobs=2), quality_flags(images))


def test_all_unreadable():
    table = quality_flags(["gone.jpg"])
    assert table["unreadable"].tolist() == [True]
    assert not table["hair"].iloc[0]
    assert np.isnan(table["hair_fraction"].iloc[0])


def test_distance_from_the_training_images():
    lesions = make_lesions(30, image_size=(96, 128), hair=0, random_state=0)
    model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    training = quality_flags(lesions.images, model=model)
    assert (training["beyond_training"] == 0).all()
    assert not training["far_from_training"].any()
    odd = [np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)]
    assert quality_flags(odd, model=model)["far_from_training"].all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("image.jpg",), TypeError, "must be a sequence of images"),
        (([], "model"), TypeError, "model must be a fitted classifier of images, got 'model'"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        quality_flags(arguments[0], model=arguments[1] if len(arguments) > 1 else None)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ph2", "ham10000"])
def test_real_images_are_in_focus_until_they_are_blurred(name, real_data):
    suffixes = {"ph2": "*_Dermoscopic_Image/*.bmp", "ham10000": "HAM10000_images/*.jpg"}
    paths = sorted(real_data(name).rglob(suffixes[name]))[::7][:12]
    images = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    blurred = [ndi.gaussian_filter(image, (max(image.shape) * 0.01,) * 2 + (0,)) for image in images]
    assert quality_flags(images)["out_of_focus"].mean() <= 0.1
    assert quality_flags(blurred)["out_of_focus"].mean() >= 0.8
