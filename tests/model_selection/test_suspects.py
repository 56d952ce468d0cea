import numpy as np
import pytest

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.model_selection import find_suspect_masks

pytestmark = pytest.mark.usefixtures("few_trees")

SHIFTED, EMPTY, UNLABELED, FOREIGN, WHOLE = 0, 6, 7, 8, 11
BAD = [SHIFTED, EMPTY, FOREIGN, WHOLE]


@pytest.fixture(scope="module")
def data():
    return make_lesions(20, image_size=(72, 96), hair=0, light_hair=0, vignette=0, ruler=0, random_state=0)


@pytest.fixture(scope="module")
def damaged(data):
    masks = list(data.masks)
    masks[SHIFTED] = np.roll(masks[SHIFTED], 20, axis=1)
    masks[FOREIGN] = masks[1]
    masks[EMPTY] = np.zeros_like(masks[EMPTY])
    masks[UNLABELED] = None
    masks[WHOLE] = np.ones_like(masks[WHOLE])
    return masks


@pytest.fixture(scope="module")
def table(data, damaged):
    return find_suspect_masks(data.images, damaged, cv=3, random_state=0)


def test_finds_damaged_masks_and_no_others(table):
    assert table.index[table["suspect"]].tolist() == BAD


def test_proposes_better_masks_for_suspect_ones_only(data, damaged, table):
    for position, suspect, proposed in zip(table.index, table["suspect"], table["proposed"], strict=True):
        if suspect:
            assert proposed.dtype == bool
            truth = data.masks[position]
            assert mask_jaccard(truth, proposed) > max(0.75, mask_jaccard(truth, damaged[position]))
        else:
            assert proposed is None


def test_reports_agreement(table):
    numbers = table[["agreement", "color_jaccard", "place_jaccard"]]
    assert numbers.drop(UNLABELED).stack().between(0, 1).all()
    assert numbers.loc[UNLABELED].isna().all()
    assert (numbers.loc[EMPTY, ["color_jaccard", "place_jaccard"]] == 0).all()
    assert not table.loc[UNLABELED, "suspect"]


def test_trusted_masks_are_never_suspect(data, damaged, table):
    trusted = np.arange(20) == SHIFTED
    found = find_suspect_masks(data.images, damaged, trusted=trusted, cv=3, random_state=0)
    assert found.index[found["suspect"]].tolist() == [EMPTY, FOREIGN, WHOLE]
    np.testing.assert_array_equal(found["agreement"], table["agreement"])


def test_names_files(data, damaged, table, tmp_path):
    from PIL import Image

    paths = [tmp_path / f"{position}.png" for position in range(20)]
    for path, image in zip(paths, data.images, strict=True):
        Image.fromarray(image).save(path)
    found = find_suspect_masks(paths, damaged, cv=3, random_state=0, n_jobs=2)
    assert found["image"].tolist() == [str(path) for path in paths]
    assert table["image"].isna().all()
    np.testing.assert_array_equal(found["suspect"], table["suspect"])
    np.testing.assert_array_equal(found["agreement"], table["agreement"])


def test_proposed_mask_leaves_out_the_frame(data, damaged):
    images, masks = list(data.images), list(damaged)
    images[SHIFTED] = np.pad(images[SHIFTED], ((12, 0), (0, 20), (0, 0)))
    masks[SHIFTED] = np.pad(masks[SHIFTED], ((12, 0), (0, 20)))
    proposed = find_suspect_masks(images, masks, cv=3, random_state=0).loc[SHIFTED, "proposed"]
    assert proposed.shape == images[SHIFTED].shape[:2]
    assert not proposed[:12].any()
    assert not proposed[:, -20:].any()
    assert mask_jaccard(data.masks[SHIFTED], proposed[12:, :-20]) > 0.75


def test_image_without_a_lesion_is_not_suspect(data):
    images = [*data.images, np.full((72, 96, 3), 180, dtype=np.uint8)]
    found = find_suspect_masks(images, [*data.masks, data.masks[0]], cv=3, random_state=0)
    assert found.loc[20, "agreement"] == 0
    assert not found.loc[20, "suspect"]


def test_lesions_stay_together(data):
    groups = np.repeat([0, 1], 10)
    with pytest.raises(
        ValueError, match=r"^masks must hold masks of at least 5 lesions, one for each fold of `cv`, got 2"
    ):
        find_suspect_masks(data.images, data.masks, groups=groups)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (lambda masks: [masks[0]] + [None] * 19, "masks of at least 3 images, one for each fold of `cv`, got 1"),
        (lambda masks: masks[:5], "^images and masks must have the same length, got 20 and 5"),
        (lambda masks: [mask[:, :50] for mask in masks], r"^masks\[0\]: mask must have the shape"),
        (lambda masks: [np.zeros_like(mask) for mask in masks], "got all empty ones"),
        (lambda masks: [0, 1] * 10, r"^masks\[0\]: .* looks like a diagnosis"),
    ],
    ids=["one", "length", "size", "empty", "diagnoses"],
)
def test_refuses_unusable_masks(data, masks, message):
    with pytest.raises((ValueError, TypeError), match=message):
        find_suspect_masks(data.images, masks(data.masks), cv=3)


@pytest.mark.parametrize("trusted", [[True], [1] * 20, np.zeros((20, 2), dtype=bool)], ids=["short", "ints", "2-D"])
def test_refuses_trusted_that_are_not_one_bool_for_each_image(data, trusted):
    with pytest.raises(ValueError, match="trusted must hold True or False for each of the 20 images"):
        find_suspect_masks(data.images, data.masks, trusted=trusted)


def test_refuses_groups_of_another_length(data):
    with pytest.raises(ValueError, match="groups must hold one group for each of the 20 images, got 2"):
        find_suspect_masks(data.images, data.masks, groups=[0, 1])


@pytest.mark.parametrize("cv", [1, 2.5, "5"])
def test_refuses_other_folds(data, cv):
    with pytest.raises((ValueError, TypeError), match="cv must be an int of at least 2"):
        find_suspect_masks(data.images, data.masks, cv=cv)
