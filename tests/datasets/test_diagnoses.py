"""Diagnoses found by the words of labels, and words that may be misspelled."""

import pytest

from sklearn_melanoma.datasets._diagnoses import find_diagnosis, find_unknown_words

# Labels of HAM10000, ISIC 2017, ISIC 2019, PH² and PAD-UFES-20.
OFFICIAL = """
akiec | bcc | bkl | df | mel | nv | vasc | seborrheic keratosis | melanoma | nevus
MEL | NV | BCC | AK | BKL | DF | VASC | SCC | Common Nevus | Atypical Nevus | ACK | SEK | NEV
"""
OTHER = """
other | wart | psoriasis | Merkel cell carcinoma | benign | no melanoma | MAL_OTH | Eccrine poroma | epidermal nevus
D22.5 | Malignant:Malignant adnexal epithelial proliferations - Follicular | lentigo NOS | cafe-au-lait macule
"""


@pytest.mark.parametrize("label", [label.strip() for label in (OFFICIAL + OTHER).strip().replace("\n", "|").split("|")])
def test_known_names_have_no_unknown_words(label):
    assert find_unknown_words(label) == []


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("basal cel carcinoma", ["basal", "cel"]),
        ("Squamos cell carcinoma", ["squamos"]),
        ("seborheic keratosis", ["seborheic"]),
        ("carcinoma basocelular", ["basocelular"]),
        ("BCC carcinoma", ["bcc"]),
    ],
)
def test_words_that_may_be_misspelled(label, words):
    assert find_diagnosis(label) == "other"
    assert find_unknown_words(label) == words


@pytest.mark.parametrize("label", ["carcnoma", "suspicious", 3, -1, None, ""])
def test_labels_without_a_diagnosis_have_no_unknown_words(label):
    assert find_diagnosis(label) is None
    assert find_unknown_words(label) == []
