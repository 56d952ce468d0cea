import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_melanoma.datasets import load_folder, load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.images import read_image, read_mask

PH2_HEADER = (
    "||   Name || Histological Diagnosis || Clinical Diagnosis || Asymmetry | Pigment Network | Dots/Globules "
    "| Streaks | Regression Areas | Blue-Whitish Veil ||           Colors ||\n"
)
PH2_ROWS = (
    "|| IMD003 ||                        ||                  0 ||         0 |  T |  A |  A |  A |  A ||  4 ||\n"
    "|| IMD009 || Dysplastic Nevus       ||                  1 ||         1 | AT | AT |  A |  P |  A ||  3  5 ||\n"
    "|| IMD058 || Melanoma               ||                  2 ||         2 | AT |  A |  P |  A |  P ||  1  4  6 ||\n"
)


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (200, 150, 140)).save(path)
    return str(path)


def put_ph2_image(folder, name, *, mask=True):
    inside = folder / "PH2 Dataset images" / name
    put(inside / f"{name}_Dermoscopic_Image" / f"{name}.bmp")
    put(inside / f"{name}_roi" / f"{name}_R1_Label4.bmp")
    if mask:
        put(inside / f"{name}_lesion" / f"{name}_lesion.bmp")


@pytest.fixture
def ph2(tmp_path):
    for name in ("IMD003", "IMD009", "IMD058"):
        put_ph2_image(tmp_path, name)
    legend = "\nAsymmetry: 0 - Fully Symmetric\nIMD is no row\n"
    (tmp_path / "PH2_dataset.txt").write_text(PH2_HEADER + PH2_ROWS + legend, encoding="utf-8")
    return tmp_path


def put_isic_split(folder, split, ids, *, masks=True, labels=None):
    for image_id in ids:
        put(folder / f"ISIC-2017_{split}_Data" / f"{image_id}.jpg")
        put(folder / f"ISIC-2017_{split}_Data" / f"{image_id}_superpixels.png")
        if masks:
            put(folder / f"ISIC-2017_{split}_Part1_GroundTruth" / f"{image_id}_segmentation.png")
    if labels is not None:
        rows = "image_id,melanoma,seborrheic_keratosis\n" + "".join(labels)
        (folder / f"ISIC-2017_{split}_Part3_GroundTruth.csv").write_text(rows)


HAM_TABLE = (
    "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
    "HAM_1,ISIC_2,bkl,histo,80.0,male,scalp\n"
    "HAM_1,ISIC_1,bkl,histo,80.0,male,scalp\n"
    "HAM_2,ISIC_3,mel,histo,,female,back\n"
)


@pytest.fixture
def ham(tmp_path):
    for part, image_id in ((1, "ISIC_1"), (1, "ISIC_2"), (2, "ISIC_3")):
        put(tmp_path / f"HAM10000_images_part_{part}" / f"{image_id}.jpg")
    (tmp_path / "HAM10000_metadata.csv").write_text(HAM_TABLE)
    return tmp_path


def get_names(paths):
    return [None if path is None else os.path.basename(path) for path in paths]


def test_ph2_fields(ph2):
    bunch = load_ph2(ph2)
    assert get_names(bunch.images) == ["IMD003.bmp", "IMD009.bmp", "IMD058.bmp"]
    assert get_names(bunch.masks) == ["IMD003_lesion.bmp", "IMD009_lesion.bmp", "IMD058_lesion.bmp"]
    assert all(isinstance(path, str) for path in bunch.images + bunch.masks)
    np.testing.assert_array_equal(bunch.target, [0, 0, 1])
    assert bunch.diagnosis == ["common nevus", "atypical nevus", "melanoma"]
    assert list(bunch.groups) == ["IMD003", "IMD009", "IMD058"]
    assert "3 images, 3 with a mask; 1 melanomas, 2 others, 0 without" in bunch.DESCR
    assert "Left out" not in bunch.DESCR


def test_ph2_frame_has_expert_annotations(ph2):
    frame = load_ph2(ph2).frame
    assert list(frame["asymmetry"]) == [0, 1, 2]
    assert list(frame["colors"]) == [("dark brown",), ("light brown", "blue-gray"), ("white", "dark brown", "black")]
    row = frame.iloc[1]
    assert row["histological_diagnosis"] == "Dysplastic Nevus"
    assert (row["pigment_network"], row["dots_globules"], row["streaks"]) == ("AT", "AT", "A")
    assert (row["regression_areas"], row["blue_whitish_veil"], row["clinical_diagnosis"]) == ("P", "A", 1)


def test_ph2_counts_missing_files(ph2):
    (ph2 / "PH2 Dataset images" / "IMD009" / "IMD009_Dermoscopic_Image" / "IMD009.bmp").unlink()
    (ph2 / "PH2 Dataset images" / "IMD058" / "IMD058_lesion" / "IMD058_lesion.bmp").unlink()
    put_ph2_image(ph2, "IMD999")
    bunch = load_ph2(ph2)
    assert get_names(bunch.images) == ["IMD003.bmp", "IMD058.bmp"]
    assert get_names(bunch.masks) == ["IMD003_lesion.bmp", None]
    assert list(bunch.frame["image_id"]) == ["IMD003", "IMD058"]
    assert "Left out: 1 rows of the table whose images are missing." in bunch.DESCR
    assert "Left out: 1 images that are not in the table." in bunch.DESCR


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("                  2 ||         2", "  3 || 2", "line 4: .*clinical diagnosis is '3'"),
        ("|  P ||  1  4  6 ||", "|| 1 4 6 ||", "line 4: .*it has 9 cells"),
        ("1  4  6", "1  4  7", "line 4: .*out of range"),
        ("IMD058", "IMD009", "line 4: .*IMD009 is listed twice"),
    ],
)
def test_ph2_invalid_row_raises(ph2, old, new, message):
    (ph2 / "PH2_dataset.txt").write_text((PH2_HEADER + PH2_ROWS).replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_ph2(ph2)


def test_ph2_without_images_raises(ph2):
    (ph2 / "PH2_dataset.txt").write_text(PH2_HEADER, encoding="utf-8")
    with pytest.raises(ValueError, match=r"folder must hold PH².*images such as"):
        load_ph2(ph2)


def test_isic_reads_all_existing_splits(tmp_path):
    put_isic_split(tmp_path, "Training", ["ISIC_2", "ISIC_1"], labels=["ISIC_1,1.0,0.0\n", "ISIC_2,0.0,1.0\n"])
    put_isic_split(tmp_path, "Test_v2", ["ISIC_3"], masks=False, labels=["ISIC_3,0.0,0.0\n", "ISIC_4,0.0,0.0\n"])
    bunch = load_isic_2017(tmp_path)
    assert get_names(bunch.images) == ["ISIC_1.jpg", "ISIC_2.jpg", "ISIC_3.jpg"]
    assert get_names(bunch.masks) == ["ISIC_1_segmentation.png", "ISIC_2_segmentation.png", None]
    np.testing.assert_array_equal(bunch.target, [1, 0, 0])
    assert bunch.diagnosis == ["melanoma", "seborrheic keratosis", "nevus"]
    assert list(bunch.split) == ["training", "training", "test"]
    assert list(bunch.groups) == ["ISIC_1", "ISIC_2", "ISIC_3"]
    assert "Left out: 1 diagnoses whose images are missing." in bunch.DESCR


def test_isic_without_masks_and_labels(tmp_path):
    put_isic_split(tmp_path, "Validation", ["ISIC_1", "ISIC_2"], masks=False)
    table = "ISIC-2017_Validation_Part3_GroundTruth.csv"
    with pytest.warns(UserWarning, match=rf"no image .*Put the table '{table}' there, or .* fetch_isic_2017\(\)\."):
        bunch = load_isic_2017(tmp_path)
    assert bunch.masks is None
    np.testing.assert_array_equal(bunch.target, [-1, -1])
    assert bunch.diagnosis == ["unknown", "unknown"]
    assert "2 without a diagnosis" in bunch.DESCR


def test_isic_image_without_row_is_unlabeled(tmp_path):
    put_isic_split(tmp_path, "Training", ["ISIC_1", "ISIC_2"], labels=["ISIC_2,1,0\n"])
    np.testing.assert_array_equal(load_isic_2017(tmp_path).target, [-1, 1])


@pytest.mark.parametrize("labels", [["ISIC_1,1,1\n"], ["ISIC_1,0.5,0\n"], ["ISIC_1,0,0\n", "ISIC_1,1,0\n"]])
def test_isic_contradicting_labels_raise(tmp_path, labels):
    put_isic_split(tmp_path, "Training", ["ISIC_1"], labels=labels)
    with pytest.raises(ValueError, match=r"at most one diagnosis.*for 'ISIC_1'|each image once, got 'ISIC_1' twice"):
        load_isic_2017(tmp_path)


def test_isic_table_without_columns_raises(tmp_path):
    put_isic_split(tmp_path, "Training", ["ISIC_1"])
    (tmp_path / "ISIC-2017_Training_Part3_GroundTruth.csv").write_text("image,melanoma\nISIC_1,0\n")
    with pytest.raises(ValueError, match=r"must have the columns image_id.*got \['image', 'melanoma'\]"):
        load_isic_2017(tmp_path)


def test_ham10000_fields(ham):
    bunch = load_ham10000(ham)
    assert get_names(bunch.images) == ["ISIC_2.jpg", "ISIC_1.jpg", "ISIC_3.jpg"]
    assert bunch.masks is None
    np.testing.assert_array_equal(bunch.target, [0, 0, 1])
    assert bunch.diagnosis == ["bkl", "bkl", "mel"]
    assert list(bunch.groups) == ["HAM_1", "HAM_1", "HAM_2"]
    assert list(bunch.frame["localization"]) == ["scalp", "scalp", "back"]


def test_ham10000_with_some_masks(ham):
    put(ham / "HAM10000_segmentations_lesion_tschandl" / "ISIC_3_segmentation.png")
    (ham / "HAM10000_segmentations_lesion_tschandl" / "._ISIC_1_segmentation.png").write_bytes(b"resource fork")
    assert get_names(load_ham10000(ham).masks) == [None, None, "ISIC_3_segmentation.png"]


@pytest.mark.parametrize(("name", "separator"), [("HAM10000_metadata", ","), ("HAM10000_metadata.tab", "\t")])
def test_ham10000_accepts_other_table_names(ham, name, separator):
    (ham / "HAM10000_metadata.csv").unlink()
    (ham / name).write_text(HAM_TABLE.replace(",", separator))
    assert len(load_ham10000(ham).images) == 3


def test_ham10000_counts_missing_files(ham):
    (ham / "HAM10000_images_part_1" / "ISIC_2.jpg").unlink()
    put(ham / "HAM10000_images_part_2" / "ISIC_9.jpg")
    bunch = load_ham10000(ham)
    assert get_names(bunch.images) == ["ISIC_1.jpg", "ISIC_3.jpg"]
    assert "Left out: 1 rows of the table" in bunch.DESCR
    assert "Left out: 1 images that are not in the table." in bunch.DESCR


def test_ham10000_repeated_image_raises(ham):
    put(ham / "HAM10000_images_part_2" / "ISIC_1.jpg")
    with pytest.raises(ValueError, match=r"images must have different names, got .*part_1.*part_2"):
        load_ham10000(ham)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (HAM_TABLE.replace("dx,", "diagnosis,", 1), "must have the columns image_id, lesion_id, dx"),
        (HAM_TABLE.replace("ISIC_2", "ISIC_1"), "each image_id once"),
        (HAM_TABLE.replace("HAM_2", ""), "with a lesion_id and a dx"),
        (HAM_TABLE.replace("ISIC_", "IMD"), "images must be named as in '.*HAM10000_metadata.csv', such as 'IMD2'"),
        (HAM_TABLE.partition("\n")[0] + "\n", "must hold a header and at least one row, got only a header"),
        (HAM_TABLE.replace(",bkl,", ",malignant,"), r"got 'malignant' \(2\), which could mean melanoma or not"),
    ],
)
def test_ham10000_invalid_table_raises(ham, table, message):
    (ham / "HAM10000_metadata.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        load_ham10000(ham)


LOADERS = [(load_ph2, "ph2"), (load_isic_2017, "isic2017"), (load_ham10000, "ham10000")]


@pytest.mark.parametrize(("load", "name"), LOADERS)
def test_invalid_folder_raises(load, name, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"folder must be a folder that exists, got .*nowhere"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="folder must be a folder, got the file"):
        load(tmp_path / "file")
    with pytest.raises(TypeError, match="folder must be a path, got int"):
        load(3)
    with pytest.raises(ValueError, match=r"folder must hold .* in its official layout: .*holds 'file'"):
        load(tmp_path)
    monkeypatch.delenv("SKLEARN_MELANOMA_DATA", raising=False)
    with pytest.raises(ValueError, match=rf"Pass the folder .*or set SKLEARN_MELANOMA_DATA to .*'{name}'"):
        load()
    monkeypatch.setenv("SKLEARN_MELANOMA_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"{name}'. It comes from the environment variable"):
        load()


def test_default_folder_from_environment(ham, monkeypatch):
    monkeypatch.setenv("SKLEARN_MELANOMA_DATA", str(ham.parent))
    ham.rename(ham.parent / "ham10000")
    assert len(load_ham10000().images) == 3


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "n_images", "n_melanomas", "n_groups"),
    [
        (load_ph2, "ph2", 100, 20, 100),
        (load_isic_2017, "isic2017", 600, 117, 600),
        (load_isic_2017, "isic2017_large", 8, 0, 8),
        (load_ham10000, "ham10000", 3022, 338, 2241),
    ],
)
def test_real_data_sets(load, name, n_images, n_melanomas, n_groups):
    root = os.environ.get("SKLEARN_MELANOMA_DATA")
    if not root or not (Path(root) / name).is_dir():
        pytest.skip(f"needs real images: set SKLEARN_MELANOMA_DATA to a folder that holds {name!r}")
    bunch = load(Path(root) / name)
    assert len(bunch.images) == len(bunch.masks) == len(bunch.target) == len(bunch.diagnosis) == n_images
    assert bunch.target.sum() == n_melanomas
    assert (bunch.target >= 0).all()
    assert len(set(bunch.groups)) == n_groups
    for i in (0, n_images // 2, n_images - 1):
        assert read_mask(bunch.masks[i]).shape == read_image(bunch.images[i]).shape[:2]


@pytest.mark.parametrize(("code", "target"), [("MEL", 1), ("melanoma", 1), (" Mel", 1), ("NV", 0), ("akiec", 0)])
def test_ham10000_codes_in_other_spelling(ham, code, target):
    (ham / "HAM10000_metadata.csv").write_text(HAM_TABLE.replace(",mel,", f",{code},"))
    lesions = load_ham10000(ham)
    assert lesions.target[2] == target
    assert lesions.label_mapping[code.strip()] == target
    assert f"'{code.strip()}' (1)" in lesions.DESCR


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_loaders_read_tables_in_other_encodings(ham, ph2, tmp_path, encoding):
    (ham / "HAM10000_metadata.csv").write_bytes(HAM_TABLE.encode(encoding))
    (ph2 / "PH2_dataset.txt").write_bytes((PH2_HEADER + PH2_ROWS).encode(encoding))
    put_isic_split(tmp_path, "Training", ["ISIC_1"])
    rows = "image_id,melanoma,seborrheic_keratosis\nISIC_1,1.0,0.0\n"
    (tmp_path / "ISIC-2017_Training_Part3_GroundTruth.csv").write_bytes(rows.encode(encoding))
    assert list(load_ham10000(ham).target) == [0, 0, 1]
    assert list(load_ph2(ph2).target) == [0, 0, 1]
    assert list(load_isic_2017(tmp_path).target) == [1]


def test_isic_frame_has_all_columns(tmp_path):
    put_isic_split(tmp_path, "Training", ["ISIC_1", "ISIC_2"], labels=["ISIC_1,1.0,0.0\n", "ISIC_2,0.0,1.0\n"])
    put_isic_split(tmp_path, "Validation", ["ISIC_3"])
    metadata = "image_id,age_approximate,sex\nISIC_2,unknown,female\nISIC_1,45,unknown\n"
    (tmp_path / "ISIC-2017_Training_Data" / "ISIC-2017_Training_Data_metadata.csv").write_text(metadata)
    frame = load_isic_2017(tmp_path).frame
    assert list(frame.columns) == ["image_id", "melanoma", "seborrheic_keratosis", "age_approximate", "sex"]
    assert list(frame["image_id"]) == ["ISIC_1", "ISIC_2", "ISIC_3"]
    np.testing.assert_array_equal(frame["age_approximate"], [45, np.nan, np.nan])
    assert list(frame["sex"][:2]) == ["unknown", "female"]
    assert frame["sex"].isna()[2]
    np.testing.assert_array_equal(frame["melanoma"], [1, 0, np.nan])


def test_isic_label_mapping(tmp_path):
    put_isic_split(tmp_path, "Training", ["ISIC_1", "ISIC_2"], labels=["ISIC_2,1,0\n"])
    lesions = load_isic_2017(tmp_path)
    assert lesions.label_mapping == {"melanoma": 1, "seborrheic keratosis": 0, "nevus": 0, "unknown": -1}
    assert "melanoma = 'melanoma' (1)" in lesions.DESCR
    assert "unknown = 'unknown' (1)" in lesions.DESCR


FIELDS = ["images", "masks", "target", "diagnosis", "groups", "frame", "split", "label_mapping", "DESCR"]


def test_all_datasets_have_the_same_fields(ph2, ham, tmp_path):
    put_isic_split(tmp_path, "Training", ["ISIC_1"])
    put(tmp_path / "folder" / "melanoma" / "a.png")
    bunches = [load_ph2(ph2), load_ham10000(ham), load_isic_2017(tmp_path), load_folder(tmp_path / "folder")]
    for lesions in (*bunches, make_lesions(2, image_size=(32, 32))):
        assert set(FIELDS) <= set(lesions)
        assert set(lesions.label_mapping.values()) <= {1, 0, -1}
        lengths = {len(lesions[name]) for name in ("images", "target", "diagnosis", "groups")}
        assert lengths == {len(lesions.images)}
        assert lesions.frame is None or len(lesions.frame) == len(lesions.images)


@pytest.mark.parametrize("junk", [".ipynb_checkpoints", "@eaDir", ".Trash-1000", ".thumbnails", "__MACOSX", "#recycle"])
def test_loaders_ignore_junk_folders(ph2, ham, tmp_path, junk):
    put_isic_split(tmp_path, "Training", ["ISIC_1"])
    put(ham / "HAM10000_images_part_1" / junk / "ISIC_1.jpg")
    put(tmp_path / "ISIC-2017_Training_Data" / junk / "ISIC_1.jpg")
    put(ph2 / "PH2 Dataset images" / "IMD003" / "IMD003_Dermoscopic_Image" / junk / "IMD003.bmp")
    put(ph2 / "PH2 Dataset images" / junk / "IMD003_Dermoscopic_Image" / "IMD003.bmp")
    assert len(load_ham10000(ham).images) == 3
    assert len(load_isic_2017(tmp_path).images) == 1
    assert len(load_ph2(ph2).images) == 3


@pytest.mark.real_data
def test_real_isic_metadata(real_data):
    frame = load_isic_2017(real_data("isic2017")).frame
    assert {"age_approximate", "sex", "melanoma"} <= set(frame.columns)
    assert frame["age_approximate"].between(0, 90).sum() == 517
