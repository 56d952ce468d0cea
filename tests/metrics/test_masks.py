import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isic_challenge_scoring import metrics as isic
from isic_challenge_scoring.confusion import create_binary_confusion_matrix
from PIL import Image

from sklearn_melanoma.images import write_mask
from sklearn_melanoma.metrics import (
    mask_agreement,
    mask_dice,
    mask_jaccard,
    mask_sensitivity,
    mask_specificity,
    threshold_jaccard,
)

SCORES = {
    mask_jaccard: isic.binary_jaccard,
    threshold_jaccard: isic.binary_threshold_jaccard,
    mask_dice: isic.binary_dice,
    mask_sensitivity: isic.binary_sensitivity,
    mask_specificity: isic.binary_specificity,
}
EMPTY, FULL = np.zeros((3, 4), dtype=bool), np.ones((3, 4), dtype=bool)
TOP = np.zeros((3, 4), dtype=bool)
TOP[0] = True


def draw_masks(seed, fill):
    """Return two masks that agree on most pixels, each with a fraction of about `fill` of the image."""
    rng = np.random.default_rng(seed)
    truth = rng.random((23, 31)) < fill
    return truth, truth ^ (rng.random(truth.shape) < 0.1)


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fill=st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0]))
def test_agrees_with_the_challenge(score, seed, fill):
    truth, prediction = draw_masks(seed, fill)
    assert score(truth, prediction) == pytest.approx(
        SCORES[score](create_binary_confusion_matrix(truth, prediction)), abs=1e-9
    )


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("prediction", [EMPTY, FULL, TOP], ids=["empty", "full", "top"])
@pytest.mark.parametrize("truth", [EMPTY, FULL, TOP], ids=["empty", "full", "top"])
def test_agrees_with_the_challenge_on_empty_and_full_masks(score, truth, prediction):
    expected = SCORES[score](create_binary_confusion_matrix(truth, prediction))
    assert score(truth, prediction) == expected
    assert type(score(truth, prediction)) is float


def test_known_overlap():
    # 3 x 4 pixels. The truth is the top row, the prediction the left two columns, and two pixels are in both.
    left = np.zeros((3, 4), dtype=bool)
    left[:, :2] = True
    assert mask_jaccard(TOP, left) == 2 / 8
    assert mask_dice(TOP, left) == 4 / 10
    assert mask_sensitivity(TOP, left) == 2 / 4
    assert mask_specificity(TOP, left) == 4 / 8


def test_threshold_is_inclusive():
    truth = [[1, 1, 1, 0]]
    assert threshold_jaccard(truth, [[1, 1, 1, 1]], threshold=0.75) == 0.75
    assert threshold_jaccard(truth, [[1, 1, 1, 1]], threshold=0.76) == 0


@pytest.mark.parametrize("score", SCORES)
def test_any_dtype_and_read_only_masks(score):
    truth, prediction = draw_masks(0, 0.4)
    expected = score(truth, prediction)
    truth.flags.writeable = prediction.flags.writeable = False
    assert score(truth, prediction) == expected
    assert score(truth.astype(np.uint8) * 255, prediction.astype(float)) == expected
    assert score(truth.astype(int).tolist(), prediction[:, :, np.newaxis]) == expected


@pytest.mark.parametrize("score", SCORES)
def test_errors_name_the_mask(score):
    with pytest.raises(ValueError, match=r"y_pred must have the shape of y_true, \(3, 4\), got \(4, 3\)\. Pass a l"):
        score(TOP, TOP.T)
    with pytest.raises(ValueError, match=r"y_true must have shape \(height, width\), got \(12,\)"):
        score(TOP.ravel(), TOP)
    with pytest.raises(ValueError, match="y_pred must hold no NaN"):
        score(TOP, np.full(TOP.shape, np.nan))


@pytest.mark.parametrize("score", SCORES)
def test_takes_paths(score, tmp_path):
    truth, prediction = draw_masks(0, 0.4)
    write_mask(truth, tmp_path / "truth.png")
    write_mask(prediction, tmp_path / "prediction.png")
    expected = score(truth, prediction)
    assert score(tmp_path / "truth.png", str(tmp_path / "prediction.png")) == expected
    assert score(tmp_path / "truth.png", prediction) == expected
    assert score(truth, Image.open(tmp_path / "prediction.png")) == expected


@pytest.mark.parametrize("score", SCORES)
def test_refuses_what_is_no_mask(score, tmp_path):
    with pytest.raises(ValueError, match=r"y_pred must have two levels.*lesion_label="):
        score(np.zeros((8, 8), bool), np.arange(64).reshape(8, 8) % 3)
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        score(tmp_path / "gone.png", EMPTY)
    (tmp_path / "labels.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"could not read '.*labels\.png': the file is empty"):
        score(EMPTY, tmp_path / "labels.png")


def test_agreement_is_the_mean_of_all_pairs(tmp_path):
    first, second = draw_masks(0, 0.4)
    write_mask(first, tmp_path / "first.png")
    expected = (1 + 2 * mask_jaccard(first, second)) / 3
    assert mask_agreement([first, tmp_path / "first.png", second]) == pytest.approx(expected)
    assert mask_agreement([first, second]) == mask_jaccard(first, second)


def test_agreement_refuses_one_mask_and_other_shapes():
    with pytest.raises(ValueError, match="masks must hold at least two masks of the lesion, got 1"):
        mask_agreement([TOP])
    for masks in (None, "masks", {"first": TOP, "second": TOP}, pd.DataFrame({"mask": [TOP, TOP]})):
        with pytest.raises(TypeError, match="masks must be a sequence of masks"):
            mask_agreement(masks)
    with pytest.raises(ValueError, match=r"masks\[2\] must have the shape of masks\[0\], \(3, 4\), got \(4, 3\)"):
        mask_agreement([TOP, TOP, TOP.T])
    with pytest.raises(ValueError, match=r"masks\[1\] must hold no NaN"):
        mask_agreement([TOP, np.full(TOP.shape, np.nan)])
