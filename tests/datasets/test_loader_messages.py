"""Rules of all loaders: parameters in errors, and warnings about missing labels."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma.datasets import (
    find_masks,
    load_derm7pt,
    load_dicom,
    load_folder,
    load_ham10000,
    load_images,
    load_isic_2016,
    load_isic_2018,
    load_isic_2019,
    load_isic_2020,
    load_isic_archive,
    load_pad_ufes_20,
    match_table,
    name_masks,
)
from tests._dicom import dicom, rgb
from tests._files import write

PARAMETERS = re.compile(r"\b(labels|masks|image_column|label_column|group_column|melanoma(?= with|=)|sources|folder)\b")
PATHS = re.compile(r"'[^']*'|the folder\b")
CODES_2019 = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n"


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6)).save(path)


def check_advice(function, message):
    named = set(PARAMETERS.findall(PATHS.sub("", message)))
    assert named <= set(inspect.signature(function).parameters), message


PAD = "patient_id,lesion_id,img_id,diagnostic\nP,L,a.png,malignant\n"
DERM7PT = "case_num,diagnosis,derm\n1,malignant,a.png\n"


@pytest.mark.parametrize(
    ("load", "image", "table", "text", "message"),
    [
        (load_ham10000, "HAM10000_images/a.png", "HAM10000_metadata.csv", "lesion_id,image_id,dx\nL,a,malignant\n", ""),
        (load_pad_ufes_20, "images/a.png", "metadata.csv", PAD, ""),
        (load_derm7pt, "images/a.png", "meta/meta.csv", DERM7PT, ""),
        (
            load_isic_2019,
            "ISIC_2019_Training_Input/a.png",
            "ISIC_2019_Training_GroundTruth.csv",
            f"{CODES_2019}a,1,1,0,0,0,0,0,0,0\n",
            "must mark one diagnosis in each row",
        ),
        (
            load_isic_archive,
            "a.png",
            "metadata.csv",
            "isic_id,dx,DX\na,nevus,nevus\n",
            r"got \['dx', 'DX'\]. Rename the",
        ),
        (
            load_isic_archive,
            "a.png",
            "metadata.csv",
            "isic_id,target,finding\na,0,melanoma\nb,1,nevus\n",
            "got target '0' with finding 'melanoma'",
        ),
    ],
)
def test_tables_of_public_sets(tmp_path, load, image, table, text, message):
    put(tmp_path, image)
    write(tmp_path, table, text)
    expected = (
        message or r"got 'malignant' \(1\), which could mean melanoma or not\. Download the table anew, or use load"
    )
    with pytest.raises(ValueError, match=expected) as raised:
        load(tmp_path)
    check_advice(load, str(raised.value))


@pytest.fixture
def images(tmp_path):
    put(tmp_path, "data/x/a.png", "data/y/a.png")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (pd.Series({"z": "melanoma"}), "labels must name the images, such as 'a.png'"),
        (pd.Series({"a": "melanoma"}), r"got 'a' for .*\. Write the path in '.*data' instead"),
        (pd.DataFrame(columns=["a"]), "labels must have at least one row"),
        (
            pd.DataFrame({"image": ["x/a"], "dx": ["melanoma"], "patient": [1], "Patient": [2]}),
            "Name it with group_column",
        ),
    ],
)
@pytest.mark.parametrize("load", [load_folder, load_images])
def test_labels_of_images(images, load, labels, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(images, labels=labels)
    check_advice(load, str(raised.value))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"image": ["z"]}), "table must name the images, such as 'a.png'"),
        (pd.DataFrame({"image": ["a"]}), "table must name one image in each row, got 'a'"),
        (pd.DataFrame(), "table must have at least one row"),
    ],
)
def test_table_of_images(images, table, message):
    with pytest.raises(ValueError, match=message) as raised:
        match_table([images / "x/a.png", images / "y/a.png"], table)
    check_advice(match_table, str(raised.value))


def test_folder_of_masks(images):
    with pytest.raises(ValueError, match=r"^folder must hold a mask named like an image"):
        find_masks(["b.png"], images / "x")
    with pytest.raises(FileNotFoundError, match=r"^folder must be a folder that exists"):
        find_masks(["b.png"], images / "gone")


@pytest.mark.parametrize("function", [find_masks, match_table, name_masks])
def test_images_come_first(function, tmp_path):
    for path in ("masks", tmp_path):
        with pytest.raises(TypeError, match=r"^images must be a sequence of paths, got '.*'\. Pass the images first"):
            function(path, ["a.png"] if function is not match_table else pd.Series({"a.png": 1}))
    with pytest.raises(TypeError, match=r"^folder must be a path, got list"):
        find_masks(["a.png"], [tmp_path])


def test_dicom_takes_patients_from_the_files(tmp_path):
    (tmp_path / "a.dcm").write_bytes(dicom(rgb(), PatientID="P"))
    table = pd.DataFrame({"image": ["a"], "dx": ["melanoma"], "patient": [1], "Patient": [2]})
    data = load_dicom(tmp_path, labels=table)
    assert (data.groups.tolist(), data.target.tolist()) == (["patient 1"], [1])
    with pytest.raises(ValueError, match="Give each of them 1, 0 or -1 with melanoma=") as raised:
        load_dicom(tmp_path, labels=table.assign(dx="malignant"))
    check_advice(load_dicom, str(raised.value))


# Images without labels. Warnings are errors, so the tests without a warning fail if there is one.


def test_images_alone_give_a_warning(images):
    for load in (load_folder, load_images):
        with pytest.warns(UserWarning, match="no image of .* is labeled: all targets are -1. Pass a table as labels"):
            load(images)


def test_masks_or_attributes_without_a_table_are_enough(images, tmp_path):
    put(tmp_path, "masks/x/a_mask.png")
    for data in (load_folder(images), load_images(images, masks=tmp_path / "masks")):
        assert (data.target.tolist(), data.masks[1]) == ([-1, -1], None)
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "a").write_bytes(dicom(rgb(), PatientAge="061Y"))
    assert load_dicom(tmp_path / "dicom").frame["age"].tolist() == [61]


def test_table_that_labels_nothing_gives_a_warning(images, tmp_path):
    put(tmp_path, "masks/x/a_mask.png")
    table = pd.DataFrame({"image": ["x/a", "y/a"], "dx": ["?", "unknown"]})
    with pytest.warns(UserWarning, match="no image of .* is labeled: .* All values of labels mean unknown"):
        load_folder(images, labels=table)
    (tmp_path / "a.dcm").write_bytes(dicom(rgb()))
    with pytest.warns(UserWarning, match="no image of .* is labeled"):
        load_dicom(tmp_path, labels=pd.DataFrame({"image": ["a"], "dx": ["?"]}))


@pytest.mark.parametrize(
    ("load", "image", "table", "call"),
    [
        (load_isic_2016, "ISBI2016_ISIC_Part1_Test_Data", "ISBI2016_ISIC_Part3_Test_GroundTruth", "fetch_isic_2016()"),
        (
            load_isic_2018,
            "ISIC2018_Task3_Test_Input",
            "ISIC2018_Task3_Test_GroundTruth/ISIC2018_Task3_Test_GroundTruth",
            "fetch_isic_2018(task=3)",
        ),
        (load_isic_2019, "ISIC_2019_Training_Input", "ISIC_2019_Training_GroundTruth", "fetch_isic_2019()"),
        (load_isic_2020, "ISIC_2020_Training_JPEG", "ISIC_2020_Training_GroundTruth_v2", "fetch_isic_2020()"),
    ],
)
def test_challenge_without_a_table_gives_a_warning(tmp_path, load, image, table, call):
    put(tmp_path, f"{image}/ISIC_1.png")
    advice = re.escape(f"Put the table '{table}.csv' there, or download it by {call}.")
    with pytest.warns(UserWarning, match=rf"^no image of '.*' is labeled: all targets are -1\. {advice}$"):
        assert load(tmp_path).target.tolist() == [-1]


def test_challenge_with_masks_or_without_diagnoses_gives_no_warning(tmp_path):
    put(tmp_path, "ISBI2016_ISIC_Part1_Test_Data/a.png", "ISBI2016_ISIC_Part1_Test_GroundTruth/a_Segmentation.png")
    put(tmp_path, "ISIC2018_Task1-2_Test_Input/a.png", "ISIC_2020_Test_JPEG/a.png")
    assert load_isic_2016(tmp_path).masks is not None
    for data in (load_isic_2018(tmp_path, task=1), load_isic_2020(tmp_path)):
        np.testing.assert_array_equal(data.target, [-1])


@pytest.mark.parametrize(
    ("load", "image", "table", "text"),
    [
        (
            load_isic_2019,
            "ISIC_2019_Test_Input/a.png",
            "ISIC_2019_Test_GroundTruth.csv",
            f"{CODES_2019}a,0,0,0,0,0,0,0,0,1\n",
        ),
        (load_isic_archive, "a.png", "metadata.csv", "isic_id,diagnosis_1\na,Malignant\n"),
    ],
)
def test_official_table_that_labels_nothing_gives_a_warning(tmp_path, load, image, table, text):
    put(tmp_path, image)
    write(tmp_path, table, text)
    with pytest.warns(UserWarning, match=r"no image of .* is labeled: all targets are -1"):
        load(tmp_path)


def test_folder_of_the_other_task(tmp_path):
    put(tmp_path, "ISIC2018_Task1-2_Test_Input/a.png")
    with pytest.raises(
        ValueError, match=r"task must be 1 for '.*', which holds images of task 1 only, got 3.*task=1\.$"
    ):
        load_isic_2018(tmp_path)
