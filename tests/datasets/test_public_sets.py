"""Loaders of public data sets, on small folders in the official layouts and on rows of official tables."""

import os

import numpy as np
import pandas as pd
import pytest

from sklearn_melanoma import datasets
from sklearn_melanoma.datasets import (
    load_derm7pt,
    load_isic_2016,
    load_isic_2018,
    load_isic_2019,
    load_isic_2020,
    load_isic_archive,
    load_pad_ufes_20,
)
from tests._files import write


def put(root, *names):
    """Make empty files; the loaders list images and do not read them."""
    for name in names:
        write(root, name)


def get_names(paths):
    return [None if path is None else os.path.basename(path) for path in paths]


def link_tables(real_data, root, *names):
    for name in names:
        (root / name).symlink_to(real_data("tables") / name)
    return pd.read_csv(root / names[0])


@pytest.fixture
def isic_2016(tmp_path):
    for part, folder in (("Training", "ISBI2016_ISIC_Part1_Training"), ("Test", "ISBI2016_ISIC_Part1_Test")):
        put(tmp_path, f"{folder}_Data/ISIC_{part}1.jpg", f"{folder}_Data/ISIC_{part}2.jpg")
        put(tmp_path, f"{folder}_GroundTruth/ISIC_{part}1_Segmentation.png")
    write(
        tmp_path,
        "ISBI2016_ISIC_Part3_Training_GroundTruth.csv",
        "ISIC_Training1,benign\nISIC_Training2,malignant\nISIC_9,benign\n",
    )
    write(tmp_path, "ISBI2016_ISIC_Part3_Test_GroundTruth.csv", "ISIC_Test1,0.0\nISIC_Test2,1.0\n")
    return tmp_path


def test_isic_2016(isic_2016):
    data = load_isic_2016(isic_2016)
    assert get_names(data.images) == ["ISIC_Training1.jpg", "ISIC_Training2.jpg", "ISIC_Test1.jpg", "ISIC_Test2.jpg"]
    assert get_names(data.masks) == ["ISIC_Training1_Segmentation.png", None, "ISIC_Test1_Segmentation.png", None]
    assert data.diagnosis == ["benign", "melanoma", "benign", "melanoma"]
    np.testing.assert_array_equal(data.target, [0, 1, 0, 1])
    assert list(data.split) == ["training", "training", "test", "test"]
    assert list(data.groups) == list(data.frame["image_id"])
    assert data.label_mapping == {"melanoma": 1, "benign": 0}
    assert "Left out: 1 diagnoses whose images are missing." in data.DESCR


def test_isic_2016_finds_masks_with_endings_in_lower_case(isic_2016):
    masks = isic_2016 / "ISBI2016_ISIC_Part1_Test_GroundTruth"
    (masks / "ISIC_Test1_Segmentation.png").rename(masks / "ISIC_Test1_segmentation.png")
    assert get_names(load_isic_2016(isic_2016).masks)[2] == "ISIC_Test1_segmentation.png"


def test_isic_2019_refuses_probabilities(tmp_path):
    put(tmp_path, "ISIC_2019_Training_Input/ISIC_1.jpg", "ISIC_2019_Training_Input/ISIC_2.jpg")
    write(
        tmp_path,
        "ISIC_2019_Training_GroundTruth.csv",
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\nISIC_1,1,0,0,0,0,0,0,0,0\nISIC_2,0,0.7,0,0,0,0,0,0,0\n",
    )
    with pytest.raises(ValueError, match=r"one column of 0 and 1 for each diagnosis, got .* with other values"):
        load_isic_2019(tmp_path)


def test_isic_2016_takes_the_same_images_once(isic_2016):
    put(isic_2016, "ISBI2016_ISIC_Part3_Training_Data/ISIC_Training1.jpg")
    assert len(load_isic_2016(isic_2016).images) == 4


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("ISIC_Training1,unclear\n", "benign or malignant, or 0 or 1, got 'unclear' for 'ISIC_Training1'"),
        ("ISIC_Training1,benign,0\n", "must have the columns image_id, label, got 3 columns"),
        ("ISIC_Training1,benign\nISIC_Training1,benign\n", "each image once, got 'ISIC_Training1' twice"),
        ("", "must hold a header and at least one row, got nothing"),
        ("ISIC_9,benign\n", "must name the images in '.*_Training_Data', such as 'ISIC_Training1', got 'ISIC_9'"),
    ],
)
def test_isic_2016_invalid_table(isic_2016, table, message):
    write(isic_2016, "ISBI2016_ISIC_Part3_Training_GroundTruth.csv", table)
    with pytest.raises(ValueError, match=message):
        load_isic_2016(isic_2016)


@pytest.fixture
def isic_2018(tmp_path):
    put(tmp_path, "ISIC2018_Task1-2_Training_Input/ISIC_1.jpg", "ISIC2018_Task1-2_Validation_Input/ISIC_2.jpg")
    put(tmp_path, "ISIC2018_Task1_Training_GroundTruth/ISIC_1_segmentation.png")
    put(tmp_path, "ISIC2018_Task3_Training_Input/ISIC_3.jpg", "ISIC2018_Task3_Training_Input/ISIC_4.jpg")
    put(tmp_path, "ISIC2018_Task3_Test_Input/ISIC_5.jpg", "ISIC2018_Task3_Training_Input/LICENSE.txt")
    header = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"
    rows = {"Training": "ISIC_3,1.0,0,0,0,0,0,0\nISIC_4,0,0,0,1.0,0,0,0\n", "Test": "ISIC_5,0,0,0,0,1,0,0\n"}
    for split, text in rows.items():
        name = f"ISIC2018_Task3_{split}_GroundTruth"
        write(tmp_path, f"{name}/{name}.csv", header + text)
    write(
        tmp_path,
        "ISIC2018_Task3_Training_LesionGroupings.csv",
        "image,lesion_id,diagnosis_confirm_type\nISIC_3,HAM_1,histopathology\nISIC_4,HAM_1,histopathology\n",
    )
    return tmp_path


def test_isic_2018_task_1(isic_2018):
    data = load_isic_2018(isic_2018, task=1)
    assert get_names(data.images) == ["ISIC_1.jpg", "ISIC_2.jpg"]
    assert get_names(data.masks) == ["ISIC_1_segmentation.png", None]
    assert list(data.split) == ["training", "validation"]
    assert data.diagnosis == ["unknown"] * 2
    np.testing.assert_array_equal(data.target, [-1, -1])


def test_isic_2018_task_3(isic_2018):
    data = load_isic_2018(isic_2018)
    assert get_names(data.images) == ["ISIC_3.jpg", "ISIC_4.jpg", "ISIC_5.jpg"]
    assert data.masks is None
    assert data.diagnosis == ["MEL", "AKIEC", "BKL"]
    np.testing.assert_array_equal(data.target, [1, 0, 0])
    assert list(data.groups) == ["HAM_1", "HAM_1", "ISIC_5"]
    assert list(data.split) == ["training", "training", "test"]
    assert list(data.frame["diagnosis_confirm_type"][:2]) == ["histopathology"] * 2


def test_isic_2018_without_the_table_of_lesions(isic_2018):
    (isic_2018 / "ISIC2018_Task3_Training_LesionGroupings.csv").unlink()
    with pytest.warns(UserWarning, match=r"lacks the table 'ISIC2018_Task3_Training_Lesion.* fetch_isic"):
        lesions = load_isic_2018(isic_2018)
    assert len(set(lesions.groups)) == len(lesions.images)


def test_isic_2018_invalid(isic_2018):
    with pytest.raises(ValueError, match=r"task must be 1 \(masks\) or 3 \(diagnoses\), got 2"):
        load_isic_2018(isic_2018, task=2)
    name = "ISIC2018_Task3_Test_GroundTruth"
    write(isic_2018, f"{name}/{name}.csv", "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_5,1,1,0,0,0,0,0\n")
    with pytest.raises(ValueError, match=r"must mark one diagnosis in each row, got \['MEL', 'NV'\] in row 1"):
        load_isic_2018(isic_2018)
    write(isic_2018, f"{name}/{name}.csv", "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_5,0.7,0.3,0,0,0,0,0\n")
    with pytest.raises(ValueError, match="must have one column of 0 and 1 for each diagnosis"):
        load_isic_2018(isic_2018)


@pytest.mark.real_data
def test_isic_2019_official_rows(real_data, tmp_path):
    tables = "ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv"
    truth = link_tables(real_data, tmp_path, *tables)
    put(tmp_path, *(f"ISIC_2019_Training_Input/{name}.jpg" for name in truth["image"]))
    data = load_isic_2019(tmp_path)
    assert len(data.images) == len(truth) == 399
    np.testing.assert_array_equal(data.target, truth["MEL"])
    assert data.diagnosis == list(truth.drop(columns="image").idxmax(axis=1))
    metadata = pd.read_csv(tmp_path / tables[1]).set_index("image").loc[truth["image"]]
    assert list(data.groups) == list(metadata["lesion_id"].fillna(pd.Series(metadata.index, metadata.index)))
    np.testing.assert_array_equal(data.frame["age_approx"], metadata["age_approx"])


def test_isic_2019_test_images(tmp_path):
    put(tmp_path, "ISIC_2019_Test_Input/ISIC_1.jpg", "ISIC_2019_Test_Input/ISIC_2.jpg")
    write(
        tmp_path,
        "ISIC_2019_Test_GroundTruth.csv",
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK,score_weight,validation_weight\n"
        "ISIC_1,0,0,0,0,0,0,0,1.0,0,1.0,0.0\nISIC_2,0,0,0,0,0,0,0,0,1.0,0.0,1.0\n",
    )
    data = load_isic_2019(tmp_path)
    assert data.diagnosis == ["SCC", "UNK"]
    np.testing.assert_array_equal(data.target, [0, -1])
    assert list(data.split) == ["test", "test"]


@pytest.mark.real_data
def test_isic_2020_official_rows(real_data, tmp_path):
    tables = "ISIC_2020_Training_GroundTruth_v2.csv", "ISIC_2020_Training_Duplicates.csv"
    truth = link_tables(real_data, tmp_path, *tables)
    put(tmp_path, *(f"ISIC_2020_Training_JPEG/train/{name}.jpg" for name in truth["image_name"]))
    put(tmp_path, "ISIC_2020_Test_Input/ISIC_9999999.jpg")
    write(tmp_path, "ISIC_2020_Test_Metadata.csv", f"image,patient,sex\nISIC_9999999,{truth['patient_id'][0]},male\n")
    data = load_isic_2020(tmp_path)
    rows = truth.set_index("image_name").loc[data.frame["image_id"][:-1]]
    np.testing.assert_array_equal(data.target[:-1], rows["target"])
    assert list(data.groups[:-1]) == list(rows["patient_id"])
    assert (data.split[-1], data.target[-1], data.groups[-1]) == ("test", -1, truth["patient_id"][0])
    assert {"melanoma", "benign", "nevus"} <= set(data.diagnosis)


TABLE_2020 = (
    "image_name,patient_id,sex,age_approx,diagnosis,benign_malignant,target\n"
    "ISIC_1,IP_1,male,45,unknown,benign,0\nISIC_2,IP_2,,,melanoma,malignant,1\nISIC_3,IP_1,male,45,nevus,benign,0\n"
)


@pytest.fixture
def isic_2020(tmp_path):
    put(tmp_path, *(f"train/ISIC_{number}.jpg" for number in (1, 2, 3)))
    write(tmp_path, "ISIC_2020_Training_GroundTruth.csv", TABLE_2020)
    return tmp_path


def test_isic_2020_joins_patients_of_duplicates(isic_2020):
    assert list(load_isic_2020(isic_2020).groups) == ["IP_1", "IP_2", "IP_1"]
    duplicates = "image_name_1,image_name_2\nISIC_3,ISIC_2\nISIC_1,ISIC_8\n"
    write(isic_2020, "ISIC_2020_Training_Duplicates.csv", duplicates)
    data = load_isic_2020(isic_2020)
    assert list(data.groups) == ["IP_1", "IP_1", "IP_1"]
    assert data.diagnosis == ["benign", "melanoma", "nevus"]
    assert data.label_mapping == {"benign": 0, "melanoma": 1, "nevus": 0}


def test_isic_2020_invalid(isic_2020):
    write(isic_2020, "ISIC_2020_Training_Duplicates.csv", "first,second\nISIC_1,ISIC_2\n")
    with pytest.raises(ValueError, match="must have the columns image_name_1, image_name_2"):
        load_isic_2020(isic_2020)
    write(isic_2020, "ISIC_2020_Training_GroundTruth.csv", TABLE_2020.replace("malignant,1", "malignant,0"))
    with pytest.raises(ValueError, match="one diagnosis, got 'melanoma', 'malignant', '0' for 'ISIC_2'"):
        load_isic_2020(isic_2020)


@pytest.fixture
def derm7pt(tmp_path):
    put(tmp_path, "images/NEL/NEL025.JPG", "images/NEL/Nel026.jpg", "images/FAL/Fal001.jpg", "images/FAL/Fal002.jpg")
    write(
        tmp_path,
        "meta/meta.csv",
        "case_num,diagnosis,seven_point_score,pigment_network,clinic,derm\n"
        "1,melanoma (in situ),5,atypical,NEL/NEL026.jpg,NEL/NEL025.JPG\n"
        "2,clark nevus,0,typical,FAL/Fal002.jpg,FAL/fal001.jpg\n"
        "3,miscellaneous,0,absent,FAL/Fal004.jpg,FAL/Fal003.jpg\n",
    )
    for name, position in (("train", 1), ("valid", 0), ("test", 2)):
        write(tmp_path, f"meta/{name}_indexes.csv", f"indexes\n{position}\n")
    return tmp_path


def test_derm7pt(derm7pt):
    data = load_derm7pt(derm7pt)
    assert get_names(data.images) == ["NEL025.JPG", "Fal001.jpg"]
    assert data.diagnosis == ["melanoma (in situ)", "clark nevus"]
    np.testing.assert_array_equal(data.target, [1, 0])
    assert list(data.split) == ["validation", "training"]
    assert list(data.groups) == ["1", "2"]
    assert list(data.frame["seven_point_score"]) == [5, 0]
    assert "Left out: 1 rows of the table whose images are missing." in data.DESCR
    assert "not in the table" not in data.DESCR


STAGES = ["in situ", "less than 0.76 mm", "0.76 to 1.5 mm", "more than 1.5 mm"]
NEVI = ["blue", "clark", "combined", "congenital", "dermal", "recurrent", "reed or spitz"]
OTHERS = [*(f"{kind} nevus" for kind in NEVI), "basal cell carcinoma", "dermatofibroma", "lentigo", "melanosis"]
OTHERS += ["miscellaneous", "seborrheic keratosis", "vascular lesion"]


def test_derm7pt_knows_all_diagnoses(derm7pt):
    names = [*(f"melanoma ({stage})" for stage in STAGES), "melanoma", "melanoma metastasis", *OTHERS]
    put(derm7pt, *(f"images/A/{number}.jpg" for number in range(len(names))))
    rows = [f"{number},{name},A/{number}.jpg" for number, name in enumerate(names)]
    write(derm7pt, "meta/meta.csv", "\n".join(("case_num,diagnosis,derm", *rows)))
    data = load_derm7pt(derm7pt)
    np.testing.assert_array_equal(data.target, [name.startswith("melanoma") for name in names])
    assert data.split is None


def test_derm7pt_invalid_split(derm7pt):
    write(derm7pt, "meta/test_indexes.csv", "indexes\n3\n")
    with pytest.raises(ValueError, match=r"from 0 to 2, in a column 'indexes', got .*\['3'\]"):
        load_derm7pt(derm7pt)


@pytest.mark.parametrize("folder", ["images/imgs_part_1/imgs_part_1", "imgs_part_1"])
def test_pad_ufes_20(tmp_path, folder):
    put(tmp_path, f"{folder}/PAT_1_2_3.png", f"{folder}/PAT_1_5_6.png", f"{folder}/PAT_7_8_9.png")
    write(
        tmp_path,
        "metadata.csv",
        "patient_id,lesion_id,age,diagnostic,img_id,biopsed\nPAT_1,2,55,NEV,PAT_1_2_3.png,False\n"
        "PAT_1,5,55,MEL,PAT_1_5_6.png,True\nPAT_7,8,,ACK,PAT_7_8_9.png,False\n",
    )
    data = load_pad_ufes_20(tmp_path)
    assert data.diagnosis == ["NEV", "MEL", "ACK"]
    np.testing.assert_array_equal(data.target, [0, 1, 0])
    assert list(data.groups) == ["PAT_1", "PAT_1", "PAT_7"]
    assert list(data.frame["age"][:2]) == [55, 55]


ARCHIVE = (
    "isic_id,copyright_license,age_approx,diagnosis_1,diagnosis_2,diagnosis_3,image_type,lesion_id,patient_id\n"
    "ISIC_1,CC-0,50,Malignant,Malignant melanocytic proliferations (Melanoma),Melanoma in situ,dermoscopic,IL_1,\n"
    "ISIC_2,CC-BY,,Benign,Benign melanocytic proliferations,Nevus,dermoscopic,IL_2,IP_1\n"
    "ISIC_3,CC-BY,,Malignant,,,clinical: close-up,IL_1,\n"
    "ISIC_4,,,,,,dermoscopic,,\n"
)


@pytest.fixture
def archive(tmp_path):
    put(tmp_path, *(f"ISIC_{number}.jpg" for number in (1, 2, 3, 4)))
    write(tmp_path, "metadata.csv", ARCHIVE)
    return tmp_path


def test_isic_archive(archive):
    data = load_isic_archive(archive)
    assert data.diagnosis == ["Melanoma in situ", "Nevus", "Malignant", "unknown"]
    np.testing.assert_array_equal(data.target, [1, 0, -1, -1])
    assert list(data.groups) == ["IL_1", "IP_1", "IL_1", "ISIC_4"]
    assert list(data.frame["image_type"]) == ["dermoscopic"] * 2 + ["clinical: close-up", "dermoscopic"]
    assert "Licenses: CC-BY (2), CC-0 (1), unknown (1)." in data.DESCR
    assert "unknown = 'Malignant' (1)" in data.DESCR


def test_isic_archive_without_diagnoses(archive):
    write(archive, "metadata.csv", "isic_id,sex\nISIC_1,male\n")
    data = load_isic_archive(archive)
    assert (data.diagnosis, data.target.tolist(), data.label_mapping) == (["unknown"], [-1], {})


LOADERS = {
    load_isic_2016: "ISBI2016_ISIC_Part1_Training_Data",
    load_isic_2018: "ISIC2018_Task3_Training_Input",
    load_isic_2019: "ISIC_2019_Training_Input",
    load_isic_2020: "ISIC_2020_Training_JPEG",
    load_derm7pt: "meta/meta.csv",
    load_pad_ufes_20: "imgs_part_",
    load_isic_archive: "metadata.csv",
}


@pytest.mark.parametrize("load", LOADERS)
def test_other_layout_raises(load, tmp_path):
    put(tmp_path, "other.txt")
    with pytest.raises(
        ValueError, match=rf"folder must hold .*{LOADERS[load]}.*holds 'other.txt'.*is at https://"
    ) as raised:
        load(tmp_path)
    fetch = load.__name__.replace("load", "fetch")
    call = f", and {fetch}({'task=3' * (load is load_isic_2018)}) downloads it."
    assert str(raised.value).endswith(call) == hasattr(datasets, fetch)


@pytest.mark.parametrize("load", [load_derm7pt, load_pad_ufes_20, load_isic_archive])
def test_table_without_columns_raises(load, derm7pt):
    put(derm7pt, "imgs_part_1/a.png")
    write(derm7pt, "metadata.csv", "name,label\na,melanoma\n")
    write(derm7pt, "meta/meta.csv", "name,label\na,melanoma\n")
    with pytest.raises(ValueError, match=r"must have the columns .*, got \['name', 'label'\]"):
        load(derm7pt)
