import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma.datasets import load_folder
from sklearn_melanoma.datasets._groups import make_groups

IMAGES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("patients", "lesions", "groups"),
    [
        ("p1 p1 p2 p2 p3", "l1 l2 l3 l3 l4", "p1 p1 p2 p2 p3"),  # a patient is never split
        ("p1 p1 p2 p2 p3", "1 2 1 2 1", "p1 p1 p2 p2 p3"),  # ids of lesions repeat in other patients
        ("- - - - -", "l1 l1 - l2 l3", "l1 l1 c l2 l3"),
        ("p1 - p2 - -", "- - l1 l1 l2", "p1 b p2 p2 l2"),  # a lesion of a known patient
        ("p1 p2 - - -", "1 1 1 1 2", "p1 p2 1 1 2"),  # a lesion of one of two patients
        ("7 - - - -", "- 7 - - -", "7 lesion+7 c d e"),
        ("c - - - -", "- - - - -", "c b image+c d e"),
        ("unknown NA n/a ? none", "- - - - -", "a b c d e"),
    ],
)
def test_groups(patients, lesions, groups):
    cells = [["" if cell == "-" else cell for cell in text.split()] for text in (patients, lesions)]
    assert make_groups(*cells, IMAGES) == [group.replace("+", " ") for group in groups.split()]


@pytest.fixture
def folder(tmp_path):
    for name in IMAGES:
        Image.new("RGB", (8, 6)).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(
    "patient", ["patient_id", "Patient ID", "patient", "PatientID", "Patient No.", "MRN", "pid", "subject_id"]
)
@pytest.mark.parametrize("lesion", ["lesion_id", "Lesion", "lesion-id"])
def test_finds_columns_of_patients_and_lesions(folder, patient, lesion):
    table = {"image": IMAGES, "dx": ["mel", "nv", "nv", "nv", "nv"]}
    table |= {lesion: ["1", "2", "1", "", "9"], patient: ["p", "p", "q", "q", ""]}
    assert list(load_folder(folder, labels=pd.DataFrame(table)).groups) == ["p", "p", "q", "q", "9"]


def test_given_column_of_groups(folder):
    table = {
        "image": IMAGES,
        "dx": ["mel", "nv", "nv", "nv", "nv"],
        "patient_id": "p",
        "visit": ["1", "1", "2", "", "2"],
    }
    with pytest.warns(UserWarning, match="labels, column 'visit': 1 of 5 images have no group, so each"):
        lesions = load_folder(folder, labels=pd.DataFrame(table), group_column="visit")
    assert list(lesions.groups) == ["1", "1", "2", "d.png", "2"]
