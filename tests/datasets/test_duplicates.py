import io

import numpy as np
import pytest
from joblib import parallel_config
from PIL import Image, ImageEnhance

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import _fingerprints as fingerprints
from sklearn_melanoma.datasets import find_duplicates, make_lesions
from sklearn_melanoma.datasets._groups import join_groups


@pytest.fixture(scope="module")
def images():
    return [
        Image.fromarray(image)
        for image in make_lesions(12, image_size=(150, 200), hair=0.3, vignette=0.3, random_state=0).images
    ]


def compress(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


COPIES = {
    "the same": lambda image: image,
    "JPEG": lambda image: compress(image, 50),
    "half the size": lambda image: image.resize((100, 75)),
    "twice the size": lambda image: image.resize((400, 300)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    **{method.name: lambda image, method=method: image.transpose(method) for method in Image.Transpose},
}


@pytest.mark.parametrize("copy", COPIES)
def test_copies_join_their_image_only(images, copy):
    copies = [COPIES[copy](image) for image in images]
    groups = find_duplicates([*images, *copies])
    np.testing.assert_array_equal(groups, [*range(12), *range(12)])


def test_other_sections_are_no_copies(images):
    sections = [image.crop((0, 0, 140, 105)) for image in images]
    assert len(set(find_duplicates([*images, *sections]))) == 24


def test_blank_images_are_no_copies(images):
    blank = np.full((60, 80, 3), 200, dtype=np.uint8)
    np.testing.assert_array_equal(find_duplicates([*images[:2], blank, blank]), [0, 1, 2, 3])


def test_kinds_of_images_and_processes(images, tmp_path):
    images[0].save(tmp_path / "a.png")
    array = np.asarray(images[0])
    mixed = [str(tmp_path / "a.png"), images[1], array, Lesion(array), *images[1:]] * 5
    groups = find_duplicates(mixed)
    np.testing.assert_array_equal(groups[:5], [0, 1, 0, 0, 1])
    with parallel_config(backend="threading"):
        np.testing.assert_array_equal(find_duplicates(mixed, n_jobs=2), groups)


def test_known_groups_are_joined(images):
    known = ["p1", "p2", "p3", "p2", "p4"]
    groups = find_duplicates([images[0], images[1], images[2], images[3], images[0]], groups=known)
    assert groups.tolist() == ["p1", "p2", "p3", "p2", "p1"]
    pairs = find_duplicates([images[0], images[1], images[1]], groups=[("h", 1), ("h", 2), ("k", 2)])
    assert pairs.tolist() == [("h", 1), ("h", 2), ("h", 2)]


def test_copies_of_copies_are_one_group():
    assert join_groups([5, 6, 7, 8, 7], [(1, 2), (4, 3)]).tolist() == [5, 6, 6, 6, 6]
    assert join_groups(np.arange(3), np.empty((0, 2))).tolist() == [0, 1, 2]


def test_min_correlation(images):
    pair = [images[0], images[0].crop((4, 3, 196, 147))]  # 2 % off each side
    assert len(set(find_duplicates(pair, min_correlation=0.99))) == 2
    assert len(set(find_duplicates(pair, min_correlation=0.5))) == 1


def test_no_image():
    assert find_duplicates([]).shape == (0,)


def test_parts_give_the_same_pairs(images, monkeypatch):
    details = fingerprints.compute_details([np.asarray(image) for image in [*images, *images[:5]]])
    expected = [[i, i + 12] for i in range(5)]
    assert fingerprints.find_copies(details, 0.75).tolist() == expected
    monkeypatch.setattr(fingerprints, "_MAX_CELLS", 40)
    monkeypatch.setattr(fingerprints, "_CHUNK", 2)
    assert fingerprints.find_copies(details, 0.75).tolist() == expected


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_correlation": 0}, ValueError, "min_correlation must be above 0 and at most 1, got 0"),
        ({"min_correlation": 1.5}, ValueError, "min_correlation must be above 0 and at most 1, got 1.5"),
        ({"groups": [1]}, ValueError, r"groups must hold one group for each of the \d images, got 1\. Pass the lesion"),
        ({"groups": [1, None]}, ValueError, r"groups\[1\] is missing"),
        ({"min_correlation": "0.7"}, ValueError, "min_correlation must be above 0 and at most 1, got '0.7'"),
    ],
)
def test_invalid(images, options, error, message):
    with pytest.raises(error, match=message):
        find_duplicates(images[:2], **options)


def test_identical_images_are_copies_at_the_highest_correlation(images):
    assert list(find_duplicates([*images[:2], *images[:2]], min_correlation=1)) == [0, 1, 0, 1]


def test_unreadable_image_is_named(images, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=r"images\[70\] \('.*text.png'\): could not read"):
        find_duplicates([*[images[0]] * 70, tmp_path / "text.png"])
    with pytest.raises(TypeError, match="images must be"):
        find_duplicates(3)


@pytest.mark.real_data
def test_real_lesions_and_their_copies(real_data):
    paths = sorted(real_data("ph2").rglob("*_Dermoscopic_Image/*.bmp"))[:30]
    copies = [compress(Image.open(path).resize((256, 192)), 75).rotate(90, expand=True) for path in paths]
    np.testing.assert_array_equal(find_duplicates([*paths, *copies]), [*range(30), *range(30)])
