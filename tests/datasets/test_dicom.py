"""Loader of DICOM files: folders, DICOMDIR, attributes, and privacy of patients."""

import os
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import find_images, load_dicom, load_folder, make_lesions
from sklearn_melanoma.images import read_image
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.persistence import save_model
from tests._dicom import ENCAPSULATED_PDF, IDENTITY, SECRETS, bare, dicom, jpeg, rgb


def region(meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "SCT", meaning
    return Sequence([item])


@pytest.fixture
def export(tmp_path):
    """Return a folder with files of three patients, and files without images."""
    folder = tmp_path / "export"
    (folder / "A").mkdir(parents=True)
    files = {
        "A/IM1": dicom(rgb(), **IDENTITY, PatientAge="061Y", PatientSex="F", PixelSpacing=[0.02, 0.02]),
        "A/IM2.dcm": dicom(
            [jpeg()], syntax=JPEGBaseline8Bit, **IDENTITY, AnatomicRegionSequence=region("Skin of back")
        ),
        "B.dcm": dicom(
            rgb(),
            PatientName="Other^One",
            PatientBirthDate="20200815",
            ContentDate="20260814",
            PatientSex="M",
            BodyPartExamined="SKIN",
            ImageLaterality="L",
            Manufacturer="Maker",
            ManufacturerModelName="Scope 2",
        ),
        "C.dcm": dicom(rgb(), PatientAge="18M", PatientSex="X"),
        "report": dicom(None, SOPClassUID=ENCAPSULATED_PDF, EncapsulatedDocument=b"%PDF", **IDENTITY),
        "notes.txt": b"no DICOM file",
        ".hidden.dcm": dicom(rgb()),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_folder(export):
    data = load_dicom(export)
    assert [os.path.relpath(image, export) for image in data.images] == ["A/IM1", "A/IM2.dcm", "B.dcm", "C.dcm"]
    assert data.groups.tolist() == ["patient 1", "patient 1", "patient 2", "C.dcm"]
    assert data.target.tolist() == [-1] * 4
    assert data.masks is None
    assert data.frame["age"].tolist() == pytest.approx([61, 75, 5, 1.5])
    assert data.frame["sex"].tolist() == ["female", None, "male", None]
    assert data.frame["body_part"].tolist() == [None, "Skin of back", "SKIN", None]
    assert data.frame["laterality"].tolist() == [None, None, "left", None]
    assert data.frame["modality"].tolist() == ["DMS"] * 4
    assert data.frame.loc[2, ["manufacturer", "model"]].tolist() == ["Maker", "Scope 2"]
    np.testing.assert_array_equal(data.frame["mm_per_pixel"], [0.02, np.nan, np.nan, np.nan])
    assert "4 images" in data.DESCR
    assert "Left out: 1 DICOM files without an image." in data.DESCR


def test_labels(export):
    table = pd.DataFrame(
        {"file": ["A/IM1", "IM2", "B", "C"], "dx": ["nevus", "nevus", "melanoma", "?"], "age": [1, 2, 3, 4]}
    )
    data = load_dicom(export, labels=table)
    assert data.target.tolist() == [0, 0, 1, -1]
    assert data.frame["age"].tolist() == [1, 2, 3, 4]
    assert data.frame["sex"].tolist() == ["female", None, "male", None]
    assert data.groups.tolist() == ["patient 1", "patient 1", "patient 2", "C.dcm"]
    with pytest.raises(ValueError, match="labels must be given where a column is named"):
        load_dicom(export, label_column="dx")


@pytest.mark.filterwarnings("ignore:no image of .* is labeled")
def test_folder_loader_reads_the_files_with_a_suffix(export):
    assert [os.path.relpath(image, export) for image in load_folder(export).images] == ["A/IM2.dcm", "B.dcm", "C.dcm"]


def write_directory(path, *names, undefined=False):
    """Write a DICOMDIR that lists images."""
    records = [Dataset()]
    records[0].DirectoryRecordType, records[0].PatientID = "PATIENT", IDENTITY["PatientID"]
    for name in names:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", name
        records.append(record)
    report = Dataset()
    report.DirectoryRecordType, report.ReferencedFileID = "SR DOCUMENT", "REPORT"
    sequence = Sequence([*records, report])
    sequence.is_undefined_length = undefined
    path.write_bytes(dicom(None, SOPClassUID="1.2.840.10008.1.3.10", DirectoryRecordSequence=sequence))
    return path


@pytest.mark.parametrize("undefined", [False, True])
def test_dicomdir(tmp_path, undefined):
    for number in range(2):
        (tmp_path / "DIR").mkdir(exist_ok=True)
        (tmp_path / "DIR" / f"IM{number}").write_bytes(dicom(rgb(), PatientID=f"P{number}"))
    (tmp_path / "not listed").write_bytes(dicom(rgb()))
    path = write_directory(tmp_path / "DICOMDIR", "DIR\\IM0", "DIR\\IM1", undefined=undefined)
    data = load_dicom(path)
    assert data.images == [str(tmp_path / "DIR" / f"IM{number}") for number in range(2)]
    assert data.groups.tolist() == ["patient 1", "patient 2"]
    assert len(load_dicom(tmp_path).images) == 3


def test_dicomdir_in_lower_case_and_with_missing_files(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "im1").write_bytes(dicom(rgb()))
    path = write_directory(tmp_path / "dicomdir", "DIR\\IM1", "DIR\\IM2")
    with pytest.warns(UserWarning, match=r"1 files that '.*dicomdir' lists are missing"):
        assert load_dicom(path).groups.tolist() == ["dir/im1"]


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize("name", ["..\\IM1", "/etc\\IM1", "C:\\IM1"])
def test_dicomdir_names_no_file_out_of_its_folder(tmp_path, name):
    with pytest.raises(ValueError, match="which is not in its folder"):
        load_dicom(write_directory(tmp_path / "DICOMDIR", name))


def test_other_files_are_no_dicomdir(export, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n")
    for path, reason in ((tmp_path / "table.csv", "not a DICOM file"), (export / "B.dcm", "not a DICOMDIR")):
        with pytest.raises(ValueError, match=rf"could not read '.*{path.name}': it is {reason}. Pass a folder"):
            load_dicom(path)


def test_folder_is_checked(tmp_path):
    with pytest.raises(ValueError, match=r"at least one DICOM file with an image, got .* with 0 DICOM files"):
        load_dicom(tmp_path)
    with pytest.raises(FileNotFoundError, match="folder must be a folder that exists"):
        load_dicom(tmp_path / "gone")
    with pytest.raises(TypeError, match="folder must be a path, got int"):
        load_dicom(3)


def test_broken_header_keeps_its_image(export):
    data = dicom(rgb(), **IDENTITY)
    start = data.index(b"\x08\0\x60\0CS")
    sequence = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff" * 3000
    (export / "D.dcm").write_bytes(data[:start] + sequence + data[start:])
    with pytest.warns(UserWarning, match=r"1 of 5 headers can't be read, for example: could not read '.*D\.dcm': "):
        loaded = load_dicom(export)
    assert loaded.groups[-1] == "D.dcm"
    assert loaded.frame.iloc[-1].isna().all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"no DICOM file", "it is not a DICOM file"),
        (dicom(rgb())[:140], "it has no pixels, or its header ends early"),
        (bare(rgb(), SOPClassUID=None), "it has neither the preamble of a DICOM file nor a SOP Class UID"),
    ],
    ids=["empty", "other", "cut", "bare"],
)
def test_damaged_file_with_a_suffix_is_not_left_out(tmp_path, data, reason):
    (tmp_path / "a.dcm").write_bytes(dicom(rgb(), PatientAge="061Y"))
    (tmp_path / "b.DCM").write_bytes(data)
    with pytest.warns(
        UserWarning, match=rf"1 of 2 headers can't be read, for example: could not read '.*b\.DCM': {reason}"
    ):
        loaded = load_dicom(tmp_path)
    assert loaded.images == find_images(tmp_path) == [str(tmp_path / name) for name in ("a.dcm", "b.DCM")]
    np.testing.assert_array_equal(loaded.frame["age"], [61, np.nan])
    with pytest.raises(ValueError, match=r"could not read '.*b\.DCM'"):
        read_image(loaded.images[1])


def test_file_without_preamble_and_suffix(tmp_path):
    (tmp_path / "IM1").write_bytes(bare(rgb(), PatientAge="061Y", PixelSpacing=[0.02, 0.02]))
    loaded = load_dicom(tmp_path)
    assert loaded.frame[["age", "mm_per_pixel"]].to_numpy().tolist() == [[61, 0.02]]
    np.testing.assert_array_equal(read_image(loaded.images[0]), rgb())


@pytest.mark.parametrize(
    ("attributes", "age"),
    [
        ({"PatientAge": "010W"}, 0.19),
        ({"PatientAge": "old"}, np.nan),
        ({"PatientAge": "", "PatientBirthDate": "19510812", "StudyDate": "20260811"}, 74),
        ({"PatientBirthDate": "19510811", "StudyDate": "20260811"}, 75),
        ({"PatientBirthDate": "20300101", "StudyDate": "20260811"}, np.nan),
        ({"PatientBirthDate": "1951", "StudyDate": "20260811"}, np.nan),
    ],
)
def test_age(tmp_path, attributes, age):
    (tmp_path / "a").write_bytes(dicom(rgb(), **attributes))
    np.testing.assert_array_equal(load_dicom(tmp_path).frame["age"], [age])


def test_identity_stays_in_the_files(tmp_path, capsys):
    lesions = make_lesions(8, image_size=(48, 64), random_state=0)
    folder = tmp_path / "export"
    for number, (image, label) in enumerate(zip(lesions.images, [1, 0] * 4, strict=True)):
        place = folder / ("melanoma" if label else "nevus")
        place.mkdir(parents=True, exist_ok=True)
        patient = {"PatientID": f"PID-4711-SECRET-{number // 2}", "PatientSex": ["F", "M", "O", None][number // 2]}
        (place / f"{number}").write_bytes(dicom(image, **IDENTITY | patient))
    data = load_dicom(folder)
    assert data.groups.tolist() != data.images
    assert len(set(data.groups)) == 4
    model = make_melanoma_pipeline("survey", columns=["age", "sex"], image="path", memory=str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eight images are few
        model.fit(data.frame.assign(path=data.images), data.target)
    save_model(model, tmp_path / "model.skops")
    data.frame.to_csv(tmp_path / "frame.csv")
    next(SemiSupervisedSplit(2).split(data.images, data.target, data.groups))
    said = [repr(data), repr(model), data.DESCR, *capsys.readouterr()]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents]
    assert len(kept) >= 3
    said += [path.read_bytes().decode("latin-1") for path in kept]
    secrets = re.compile("|".join(map(re.escape, SECRETS)))
    assert not any(map(secrets.search, said))
    assert secrets.search((folder / "nevus" / "1").read_bytes().decode("latin-1"))
