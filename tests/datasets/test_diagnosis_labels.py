import numpy as np
import pytest

from sklearn_melanoma.datasets import read_diagnoses


def test_words_of_a_diagnosis_get_one_name():
    words = ["nv", "Naevus", "Nävus", "compound nevus", "MEL", "Melanoma in situ", "wart", "benign", "?", "unknown", -1]
    expected = ["nevus"] * 4 + ["melanoma"] * 2 + ["other"] * 2 + [-1] * 3
    found = read_diagnoses(words)
    assert found.tolist() == expected
    assert found.dtype == object


def test_words_that_are_not_understood_raise():
    with pytest.raises(
        ValueError, match=r"must name diagnoses, got 'malignant' \(2\), 'foo' \(1\)\. Write diagnoses such"
    ):
        read_diagnoses(["malignant", "foo", "malignant", "nv"])


def test_words_that_may_be_misspelled_warn():
    with pytest.warns(
        UserWarning, match="labels: 'basal cel carcinoma' became 'other', because not all words are known"
    ):
        assert read_diagnoses(["basal cel carcinoma", "nv"]).tolist() == ["other", "nevus"]


def test_classes_of_a_model():
    classes = np.array(["bcc", "mel", "nv"])
    assert read_diagnoses(["Naevus", "nv", "Melanom", "wart", "?"], classes).tolist() == [
        "nv",
        "nv",
        "mel",
        "other",
        -1,
    ]
    assert read_diagnoses(["nv", "bcc", "wart", "?"], ["naevus", "other"]).tolist() == ["naevus", "other", "other", -1]
    # If two classes are the same diagnosis, only their own words are certain.
    assert read_diagnoses(["melanoma", "mel"], ["mel", "melanoma in situ"]).tolist() == ["melanoma", "mel"]
