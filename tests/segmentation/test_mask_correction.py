import numpy as np
import pytest
from sklearn import config_context
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.model_selection import find_suspect_masks
from sklearn_melanoma.segmentation import (
    CRFRefiner,
    MaskCorrectingSegmenter,
    PixelClassifierSegmenter,
    WatershedSegmenter,
)

pytestmark = pytest.mark.usefixtures("few_trees")

SHIFTED = 3


@pytest.fixture(scope="module")
def data():
    return make_lesions(10, image_size=(72, 96), random_state=0)


@pytest.fixture(scope="module")
def damaged(data):
    masks = list(data.masks)
    masks[SHIFTED] = np.roll(masks[SHIFTED], 25, axis=1)
    return masks


class Recorder(WatershedSegmenter):
    def fit(self, X, y=None):
        self.masks_ = list(y)
        return super().fit(X, y)


def test_learns_from_corrected_masks(data, damaged):
    masks = [*damaged[:-1], None]
    segmenter = MaskCorrectingSegmenter(Recorder(), cv=3, random_state=0).fit(data.images, masks)
    assert segmenter.suspects_.tolist() == [SHIFTED]
    learned, table = segmenter.segmenter_.masks_, find_suspect_masks(data.images, masks, cv=3, random_state=0)
    np.testing.assert_array_equal(learned[SHIFTED], table.loc[SHIFTED, "proposed"])
    assert all(a is b for i, (a, b) in enumerate(zip(learned, masks, strict=True)) if i != SHIFTED)


def test_keeps_trusted_masks(data, damaged):
    segmenter = MaskCorrectingSegmenter(Recorder(), cv=3, random_state=0)
    segmenter.fit(data.images, damaged, trusted=np.arange(10) == SHIFTED)
    assert not len(segmenter.suspects_)
    assert segmenter.segmenter_.masks_[SHIFTED] is damaged[SHIFTED]


def test_transforms_as_the_segmenter_does(data, damaged):
    inner = PixelClassifierSegmenter(estimator=ExtraTreesClassifier(5, random_state=0), random_state=0)
    pipeline = Pipeline([("segment", inner), ("refine", CRFRefiner())])
    segmenter = MaskCorrectingSegmenter(pipeline, cv=3, random_state=0).fit(data.images, damaged)
    found, expected = segmenter.transform(data.images[:2]), segmenter.segmenter_.transform(data.images[:2])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_array_equal(one.probability, other.probability)


def test_default_segmenter(data, damaged):
    segmenter = MaskCorrectingSegmenter(cv=3, random_state=0).fit(data.images, damaged)
    assert isinstance(segmenter.segmenter_, PixelClassifierSegmenter)
    assert segmenter.score(data.images, data.masks) > 0.85


def test_trusted_and_groups_in_a_search(data, damaged):
    with config_context(enable_metadata_routing=True):
        segmenter = MaskCorrectingSegmenter(WatershedSegmenter(), random_state=0)
        segmenter.set_fit_request(trusted=True, groups=True)
        search = GridSearchCV(segmenter, {"cv": [2]}, cv=KFold(2), error_score="raise")
        search.fit(data.images, damaged, trusted=np.ones(10, dtype=bool), groups=np.arange(10))
    assert not len(search.best_estimator_.suspects_)


def test_refuses_fewer_masks_than_folds(data):
    with pytest.raises(ValueError, match="y must hold masks of at least 5 images, one for each fold of `cv`, got 1"):
        MaskCorrectingSegmenter().fit(data.images, [data.masks[0]] + [None] * 9)


def test_refuses_a_class_before_images_are_read():
    with pytest.raises(TypeError, match="an instance of scikit-learn estimator instead of a class"):
        MaskCorrectingSegmenter(WatershedSegmenter).fit(["missing.png"] * 5, ["missing.png"] * 5)
