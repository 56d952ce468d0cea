import importlib.util
import runpy
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma.datasets import load_folder
from sklearn_melanoma.datasets._tables import read_table

ROWS = "image,diagnosis,site\na,mélanome,Rücken\nb,nævus bleu,\nNA,nevus,\nnull,melanoma,NA\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.jpg", "NA.png", "null.png"):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "images" / name)
    return tmp_path / "images"


def get_targets(lesions):
    return {
        path.rpartition("/")[2].partition(".")[0]: int(target)
        for path, target in zip(lesions.images, lesions.target, strict=True)
    }


EXPECTED = {"a": 1, "b": 0, "NA": 0, "null": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize(
    ("separator", "suffix"), [(",", ".csv"), (";", ".csv"), ("\t", ".tab"), ("\t", ".txt"), ("|", ".csv")]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reads_encodings_and_separators(folder, encoding, separator, suffix, newline):
    text = ROWS.replace("nævus", "naevus").replace(",", separator).replace("\n", newline)
    (folder.parent / f"table{suffix}").write_bytes(text.encode(encoding))
    lesions = load_folder(folder, labels=folder.parent / f"table{suffix}")
    assert get_targets(lesions) == EXPECTED
    assert "mélanome" in lesions.diagnosis
    assert "Rücken" in list(lesions.frame["site"])


@pytest.mark.parametrize("name", ["labels.csv", "Labels.CSV", "labels.tsv", "labels.tab", "labels.xlsx"])
def test_finds_tables_named_labels(folder, name):
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
        pd.DataFrame({"image": list(EXPECTED), "dx": ["mel", "nv", "nv", "mel"]}).to_excel(folder / name, index=False)
    else:
        (folder / name).write_text("image\tdx\na\tmel\nb\tnv\nNA\tnv\nnull\tmel\n")
    assert get_targets(load_folder(folder)) == EXPECTED
    (folder / "labels.txt").write_text("image\tdx\na\tmel\n")
    with pytest.raises(ValueError, match=r"labels must be one table, got .*abels.* and "):
        load_folder(folder)


def test_reads_an_excel_sheet(folder):
    pytest.importorskip("openpyxl")
    table = pd.DataFrame({"image": list(EXPECTED), "melanoma": [1, 0, 0, 1], "age": [50, None, 61, 7]})
    path = folder.parent / "table.csv"  # the content counts, not the suffix
    table.to_excel(path.with_suffix(".xlsx"), index=False)
    path.with_suffix(".xlsx").rename(path)
    lesions = load_folder(folder, labels=path)
    assert get_targets(lesions) == EXPECTED
    assert sorted(lesions.frame["age"].dropna()) == [7, 50, 61]
    with pd.ExcelWriter(folder.parent / "two.xlsx") as writer:
        table.to_excel(writer, sheet_name="first", index=False)
        table.to_excel(writer, sheet_name="second", index=False)
    with pytest.raises(ValueError, match=r"two.xlsx' must have one sheet with cells, got \['first', 'second'\]"):
        load_folder(folder, labels=folder.parent / "two.xlsx")


@pytest.fixture
def write_excel(folder):
    """Return a function that writes rows to an Excel file, with a few changes to its sheet."""
    openpyxl = pytest.importorskip("openpyxl")

    def write(rows, change=lambda sheet: None):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        change(book.active)
        path = folder.parent / "table.xlsx"
        book.save(path)
        return path

    return write


def test_merged_cells_of_excel_fill_their_rows(folder, write_excel):
    rows = [
        ["image", "dx", "patient_id"],
        ["a", "mel", "p"],
        ["null", None, None],
        ["b", "nv", "q"],
        ["NA", "nv", None],
    ]
    path = write_excel(rows, lambda sheet: [sheet.merge_cells(cells) for cells in ("B2:B3", "C2:C3", "C4:C5")])
    lesions = load_folder(folder, labels=path)
    assert get_targets(lesions) == EXPECTED
    groups = {Path(path).stem: group for path, group in zip(lesions.images, lesions.groups, strict=True)}
    assert groups == {"a": "p", "null": "p", "b": "q", "NA": "q"}


def test_formulas_of_excel_without_values_raise(folder, write_excel):
    rows = [["image", "dx"], ["a", '="m"&"el"'], ["null", "mel"], ["b", "nv"], ["NA", "nv"]]
    with pytest.raises(ValueError, match=r"table.xlsx' must hold values, got 1 formulas .* Open it in Excel"):
        load_folder(folder, labels=write_excel(rows))


def test_errors_of_excel_are_no_labels(folder, write_excel):
    rows = [["image", "dx"], ["a", "mel"], ["null", "#REF!"], ["b", "nv"], ["NA", "#N/A"]]
    with pytest.raises(ValueError, match=r"got '#REF!' \(1\), which could mean melanoma or not"):
        load_folder(folder, labels=write_excel(rows))


def test_excel_without_openpyxl_raises(folder, monkeypatch):
    from sklearn_melanoma.datasets import _tables

    monkeypatch.setattr(_tables, "find_spec", lambda name: None)
    (folder.parent / "table.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(ImportError, match=r"table.xlsx'.*sklearn-melanoma\[excel\]"):
        load_folder(folder, labels=folder.parent / "table.xlsx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold a header and at least one row, got nothing"),
        (b"\n\n", "got nothing"),
        (b"\xef\xbb\xbf", "got nothing"),
        (b"image,dx\n", "got only a header"),
        (b"image,dx\n,\n", "got only a header"),
        (b"PK\x03\x04 broken", "could not be read as an Excel file"),
        (b"\xd0\xcf\x11\xe0 old", r"got an old Excel file \(.xls\)"),
        (b"PAR1 and so on", "got a Parquet file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08" + bytes(range(256)), "got other bytes"),
        (b'image,dx\na,"mel\nb,nv\n', "could not be read as a table: .*Check its quotes"),
        (b"image,dx\na,mel,nv\n", "must have as many cells in a row as in the header, 2, got 3 in row 2"),
        (b"image,dx,dx\na,mel,nv\n", r"must have different names of columns, got \['dx'\] twice"),
        (
            b"image,dx,DX\na,mel,nv\n",
            r"must have one column of that kind, got \['dx', 'DX'\]. Name it with label_column",
        ),
    ],
)
def test_unreadable_table_raises_one_error_that_names_it(folder, content, message):
    path = folder.parent / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"table.csv'.*{message}"):
        load_folder(folder, labels=path)


@pytest.mark.parametrize(
    "text",
    [
        'image,diagnosis\na,"melanoma, NOS"\nb,nevus\nNA,nevus\nnull,mel\n',
        "sep=;\nimage;diagnosis\na;melanoma\nb;nevus\nNA;nevus\nnull;mel\n",
        "image;age;diagnosis\na;1,5;melanoma\nb;2,5;nevus\nNA;3,5;nevus\nnull;4,5;mel\n",
        "image,diagnosis,\na,melanoma,\nb,nevus,\n\n,,\nNA,nevus\nnull,mel,\n",
        '"image", "diagnosis"\n"a", "melanoma"\n b , nevus \nNA, nevus\nnull,mel\n',
        "Image Name\tDiagnosis\tnote, with comma\na\tmelanoma\t\nb\tnevus\t\nNA\tnevus\tx,y\nnull\tmel\t\n",
    ],
)
def test_reads_tables_of_spreadsheets(folder, text):
    (folder.parent / "table.csv").write_text(text)
    assert get_targets(load_folder(folder, labels=folder.parent / "table.csv")) == EXPECTED


TABLE = pd.DataFrame({"file": ["b.jpg", "a.png", "null", "NA"], "melanoma": [0, 1, 1, 0], "age": [1.5, 2, np.nan, 4]})


@pytest.mark.parametrize(
    "labels",
    [
        TABLE,
        TABLE.astype({"melanoma": bool}),
        TABLE.astype({"melanoma": float, "file": "category"}),
        TABLE.astype({"melanoma": "Int64", "file": "string"}),
        TABLE.set_index("file"),
        TABLE.set_index("file")[["melanoma"]],
        TABLE.set_index("file")["melanoma"],
        TABLE.set_index(TABLE["file"].rename(None))["melanoma"],
        pd.Series(["nevus", "mel", "mel", "nevus"], index=TABLE["file"]),
        TABLE.iloc[::-1].reset_index(),
    ],
)
def test_takes_data_frames_and_series(folder, labels):
    before = labels.copy()
    lesions = load_folder(folder, labels=labels)
    assert get_targets(lesions) == EXPECTED
    assert len(lesions.frame) == 4
    (pd.testing.assert_series_equal if labels.ndim == 1 else pd.testing.assert_frame_equal)(labels, before)


def test_missing_values_of_a_data_frame_are_unknown(folder):
    for missing in (None, np.nan, pd.NA, pd.NaT, ""):
        table = pd.DataFrame({"image": ["a", "b", "NA", "null"], "dx": ["mel", missing, "nv", missing]}, dtype=object)
        assert get_targets(load_folder(folder, labels=table)) == {"a": 1, "b": -1, "NA": 0, "null": -1}


@pytest.mark.parametrize("labels", [pd.Series(["mel", "nv"]), pd.DataFrame({"dx": ["mel", "nv"]})])
def test_labels_without_names_raise(folder, labels):
    with pytest.raises(ValueError, match="labels must name the images, such as"):
        load_folder(folder, labels=labels)


@pytest.mark.parametrize("labels", [pd.DataFrame(), pd.DataFrame({"image": [], "dx": []}), pd.Series([], dtype=object)])
def test_empty_data_frame_raises(folder, labels):
    with pytest.raises(ValueError, match="labels must have at least one row and one column"):
        load_folder(folder, labels=labels)


def test_frame_has_all_columns_in_the_order_of_the_images(folder):
    (folder / "labels.csv").write_text("age,image,dx,code,empty\n61,null,mel,007,\n,a,nv,010,\n5.5,NA,nv,2,\n")
    with pytest.warns(UserWarning, match="1 of 4 images have no row, such as 'b.jpg'"):
        lesions = load_folder(folder)
    frame = lesions.frame
    assert list(frame.columns) == ["age", "image", "dx", "code", "empty"]
    order = [path.rpartition("/")[2].partition(".")[0] for path in lesions.images]
    assert order == ["NA", "a", "b", "null"]
    np.testing.assert_array_equal(frame["age"], [5.5, np.nan, np.nan, 61])
    assert list(frame["code"].fillna("none")) == ["2", "010", "none", "007"]
    assert frame["empty"].isna().all()
    assert list(frame.index) == [0, 1, 2, 3]


def test_names_match_in_another_case_and_unicode_form(tmp_path):
    for name in (unicodedata.normalize("NFD", "Müller.PNG"), "Ä1.jpg", "IMG_2.JPG"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    rows = {unicodedata.normalize("NFC", "müller"): "mel", unicodedata.normalize("NFD", "ä1.JPG"): "nv", "img_2": "mel"}
    lesions = load_folder(tmp_path, labels=pd.Series(rows))
    assert list(lesions.target[np.argsort(lesions.images)]) == [1, 1, 0]


def test_exact_name_goes_before_another_case(tmp_path):
    for name in ("a.png", "A.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("needs a file system that distinguishes upper and lower case")
    assert list(load_folder(tmp_path, labels=pd.Series({"a": "mel", "A": "nv"})).target) == [0, 1]
    assert list(load_folder(tmp_path, labels=pd.Series({"a.PNG": "mel", "A.jpg": "nv"})).target) == [0, 1]


def test_columns_that_name_different_images_raise(folder):
    table = pd.DataFrame({"derm": ["a", "null"], "clinic": ["b", "NA"], "dx": ["mel", "nv"]})
    with pytest.raises(ValueError, match=r"got columns 'derm' and 'clinic' that name different ones.*image_column"):
        load_folder(folder, labels=table)
    with pytest.warns(UserWarning, match="2 of 4 images have no row"):
        assert load_folder(folder, labels=table, image_column="clinic").target.tolist() == [0, -1, 1, -1]


@pytest.fixture
def patients(tmp_path):
    for name in ("p1/001.png", "p2/001.png", "p2/002.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    return tmp_path


def test_row_of_another_folder_is_no_row_of_an_image_with_the_same_name(patients):
    table = pd.Series(
        {"p2/001.png": "nevus", "p2/002.jpg": "nevus", "p3/002.png": "melanoma", "p1/002.png": "melanoma"}
    )
    with pytest.warns(
        UserWarning, match="2 of 4 rows name none of the 3 images; 1 of 3 images have no row, such as 'p1/001.png'"
    ):
        lesions = load_folder(patients, labels=table)
    assert lesions.target.tolist() == [-1, 0, 0]


def test_whole_paths_name_images_with_the_same_name(patients):
    paths = [str(path) for path in sorted(patients.rglob("*.png"))]
    lesions = load_folder(patients, labels=pd.DataFrame({"path": paths, "dx": ["mel", "nv", "mel"]}))
    assert lesions.target.tolist() == [1, 0, 1]


@pytest.mark.parametrize("text", ["a.png,melanoma\nb.jpg,nevus\nNA.png,nevus\n", "a,mel,40\nb,nv,50\n"])
def test_table_without_a_header_raises(folder, text):
    (folder / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=r"labels.csv' must have a header, got \['a.*names an image"):
        load_folder(folder)


def test_counts_rows_without_image_and_images_without_row(folder):
    table = pd.DataFrame({"image": ["a", "x", "y"], "dx": ["mel", "nv", "nv"]})
    message = r"labels: 2 of 3 rows name none of the 4 images; 3 of 4 images have no row, such as 'NA.png'"
    with pytest.warns(UserWarning, match=message) as caught:
        lesions = load_folder(folder, labels=table)
    assert [warning.filename for warning in caught] == [__file__]
    assert "Left out: 2 rows of labels that fit no image." in lesions.DESCR


def test_nothing_labeled_warns(folder):
    with pytest.warns(UserWarning, match=r"no image of '.*' is labeled: all targets are -1. Pass a table") as caught:
        load_folder(folder)
    assert [warning.filename for warning in caught] == [__file__]


def test_melanoma_without_labels_raises(folder):
    with pytest.raises(ValueError, match="melanoma must give the meaning of values of labels, got no labels"):
        load_folder(folder, melanoma="mel")


def test_cells_stay_as_they_are_written(tmp_path):
    (tmp_path / "t.csv").write_text("image,x\n007,1e5\nNA,NaN\nTrue,0x10\n")
    table = read_table(tmp_path / "t.csv")
    assert table.text == {"image": ["007", "NA", "True"], "x": ["1e5", "NaN", "0x10"]}


def test_reading_csv_needs_no_openpyxl(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("image,x\n1,2\n")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    module = importlib.util.find_spec("sklearn_melanoma.datasets._tables").origin
    assert len(runpy.run_path(module)["read_table"](str(tmp_path / "t.csv"))) == 1
