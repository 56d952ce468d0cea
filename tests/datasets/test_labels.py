import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma.datasets import load_folder

from .test_vocabulary import BENIGN, CANCER, DOUBTFUL, FOREIGN, MELANOMA, NOT_MELANOMA, OTHER, UNKNOWN, split

OTHERS = f"{BENIGN}|{CANCER}|{OTHER}|{NOT_MELANOMA}"


@pytest.fixture
def load(tmp_path):
    """Return a function that loads labels of images: values of one column, or columns by name."""

    def load_labels(values, *, column="diagnosis", **options):
        table = pd.DataFrame(values if isinstance(values, dict) else {column: values}, dtype=object)
        folder = tmp_path / f"images{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        table.insert(0, "image", [f"{i}.png" for i in range(len(table))])
        for name in table["image"]:
            Image.new("RGB", (8, 6)).save(folder / name)
        lesions = load_folder(folder, labels=table, **options)
        positions = [int(path.rpartition("/")[2].removesuffix(".png")) for path in lesions.images]
        lesions.by_row = dict(zip(positions, lesions.target.tolist(), strict=True))
        return lesions

    return load_labels


def get_targets(lesions):
    return [lesions.by_row[row] for row in range(len(lesions.by_row))]


@pytest.mark.parametrize(("table", "target"), [(MELANOMA, 1), (OTHERS, 0), (UNKNOWN, -1)])
def test_targets_of_the_vocabulary(load, table, target):
    phrases = split(table)
    lesions = load([*phrases, "melanoma", "nevus"])
    assert get_targets(lesions) == [target] * len(phrases) + [1, 0]
    assert {lesions.label_mapping[phrase] for phrase in phrases} == {target}


@pytest.mark.parametrize("phrase", split(f"{DOUBTFUL}|{FOREIGN}"))
def test_value_in_doubt_raises(load, phrase):
    with pytest.raises(ValueError, match=r"column 'diagnosis', must hold diagnoses as text, or 1 .*\(2\).*melanoma="):
        load([phrase, "melanoma", phrase, "nevus"])
    assert get_targets(load([phrase, "melanoma"], melanoma={phrase: -1})) == [-1, 1]
    assert get_targets(load([phrase, "nevus"], melanoma={phrase: 1})) == [1, 0]


def test_error_lists_values_with_counts(load):
    with pytest.raises(ValueError, match=r"got 'malignant' \(3\), 'foo' \(2\), 'melanoma\?' \(1\), which could mean"):
        load(["malignant"] * 3 + ["foo"] * 2 + ["melanoma?", "nevus", "melanoma"])


@pytest.mark.parametrize("values", [["nevus", "bcc", "nevus"], ["nevus", "unknown"], ["benign", "no melanoma"]])
def test_no_melanoma_raises(load, values):
    with pytest.raises(ValueError, match=r"at least one value that means melanoma, got .*'.*' \(\d\).* melanoma=\(\)"):
        load(values)
    expected = [-1 if value == "unknown" else 0 for value in values]
    assert get_targets(load(values, melanoma=())) == expected
    assert get_targets(load(values, melanoma={})) == expected


@pytest.mark.parametrize("values", [["no melanoma", "non-melanoma"], ["0", "0"], ["false", ""]])
def test_denied_melanoma_is_understood(load, values):
    assert set(get_targets(load(values))) <= {0, -1}


@pytest.mark.parametrize("column", ["melanoma", "Melanoma", "is_melanoma", "MEL"])
@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("yes", "no"),
        ("1", "0"),
        (1, 0),
        (1.0, 0.0),
        (True, False),
        ("TRUE", "FALSE"),
        ("positive", "negative"),
        ("Y", "N"),
    ],
)
def test_flags_in_a_column_of_melanoma(load, column, yes, no):
    options = {"label_column": column}
    lesions = load([yes, no, None, "unknown"], column=column, **options)
    assert get_targets(lesions) == [1, 0, -1, -1]
    assert sorted(lesions.diagnosis) == ["melanoma", "other", "unknown", "unknown"]


@pytest.mark.parametrize("value", ["yes?", "1?", "? no", "1/0", "yes/no", "maybe"])
def test_flags_in_doubt_raise(load, value):
    with pytest.raises(ValueError, match="could mean melanoma or not"):
        load([value, "yes"], column="melanoma")


def test_meaning_of_a_doubtful_value_is_no_meaning_of_the_plain_value(load):
    assert get_targets(load(["melanoma?", "melanoma", "nevus"], melanoma={"Melanoma?": -1})) == [-1, 1, 0]
    assert get_targets(load(["nevus?", "melanoma", "nevus"], melanoma={"nevus?": -1})) == [-1, 1, 0]


@pytest.mark.parametrize("column", ["malignant", "is_malignant", "cancer", "benign", "nevus", "no_melanoma"])
def test_flags_in_a_column_of_something_else_raise(load, column):
    with pytest.raises(ValueError, match="could mean melanoma or not"):
        load(["1", "0"], column=column, label_column=column)
    assert get_targets(load(["1", "0"], column=column, label_column=column, melanoma={"1": 1, "0": 0})) == [1, 0]


@pytest.mark.parametrize(
    "values", [["1", "2"], ["0", "1", "2"], ["0.8", "0.1"], ["yes", "no"], ["positive", "negative"]]
)
def test_numbers_and_flags_without_a_meaning_raise(load, values):
    with pytest.raises(ValueError, match="could mean melanoma or not"):
        load(values, column="class")


@pytest.mark.parametrize(
    ("melanoma", "expected"),
    [
        ("malignant", [1, 0, 0, -1]),
        ("MALIGNANT", [1, 0, 0, -1]),
        (("malignant", "foo"), [1, 1, 0, -1]),
        ({"foo", "malignant"}, [1, 1, 0, -1]),
        (np.array(["malignant", "foo"]), [1, 1, 0, -1]),
        ({"malignant": 1, "foo": -1}, [1, -1, 0, -1]),
        ({"malignant": True, "Foo ": 0, "nevus": -1, "?": 0}, [1, 0, -1, 0]),
    ],
)
def test_melanoma_gives_values_a_meaning(load, melanoma, expected):
    assert get_targets(load(["malignant", "foo", "nevus", "?"], melanoma=melanoma)) == expected


@pytest.mark.parametrize(
    ("melanoma", "values"), [(2, [2, 1, 2]), ({2: 1, 1: 0}, [2.0, 1.0, 2.0]), ("+", ["+", "-", "+"])]
)
def test_melanoma_takes_numbers_and_signs(load, melanoma, values):
    other = -1 if melanoma == "+" else 0  # a single minus means unknown
    assert get_targets(load(values, melanoma=melanoma)) == [1, other, 1]


@pytest.mark.parametrize("column", ["label", "melanoma"])
@pytest.mark.parametrize(("melanoma", "values"), [({2: 1}, [1, 2]), ({0: 1}, [0, 1]), ({1: 0}, [1, 0, "mel"])])
def test_codes_of_the_user_leave_other_numbers_in_doubt(load, column, melanoma, values):
    with pytest.raises(ValueError, match=r"got '[01]' \(1\), which could mean melanoma or not"):
        load(values, column=column, melanoma=melanoma)


def test_unknown_words_are_not_suggested_to_be_melanoma(load):
    with pytest.raises(ValueError, match=r"Give each of them 1, 0 or -1 with melanoma=\{'Nävuszelle': …, 'foo': …\}"):
        load(["Nävuszelle", "Nävuszelle", "foo", "melanoma"])


def test_empty_mapping_needs_no_melanoma_and_reads_all_columns(load):
    columns = {"diagnosis": ["", "nevus"], "benign_malignant": ["benign", "benign"]}
    assert get_targets(load(columns, melanoma={})) == [0, 0]


def test_mapping_of_a_third_number_leaves_1_and_0_alone(load):
    assert get_targets(load([1, 0, 2, 3], melanoma={2: 0, 3: -1})) == [1, 0, 0, -1]


def test_collection_that_leaves_out_a_melanoma_warns(load):
    with pytest.warns(UserWarning, match="melanoma leaves out 'MM', 'melanoma in situ', so these became 0") as caught:
        lesions = load(["melanoma", "MM", "melanoma in situ", "nevus"], melanoma="melanoma")
    assert get_targets(lesions) == [1, 0, 0, 0]
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("melanoma", "error", "message"),
    [
        (3.5, TypeError, "melanoma must be a value, a collection"),
        (b"mel", TypeError, "got bytes"),
        (pd.Series({"mel": 1}), TypeError, "got Series"),
        ({"mel": 2}, ValueError, "must map each value to 1 .*got 2 for 'mel'"),
        ({"mel": "yes"}, ValueError, "got 'yes' for 'mel'"),
        ({"mel": 1, "MEL.": 0}, ValueError, "one meaning to each value, got two for 'MEL.'"),
        (
            "mm",
            ValueError,
            r"each value that melanoma names, got no row with 'mm'\. The rows hold 'melanoma' \(1\)",
        ),
        (("melanoma", "Näevus"), ValueError, "got no row with 'Näevus'"),
        ({"Nevvus": 0}, ValueError, "got no row with 'Nevvus'"),
    ],
)
def test_invalid_melanoma_raises(load, melanoma, error, message):
    with pytest.raises(error, match=message):
        load(["melanoma", "nevus"], melanoma=melanoma)


ARCHIVE = {
    "diagnosis_1": ["Malignant", "Malignant", "Benign", "Indeterminate", "Indeterminate", "Malignant", "Benign", ""],
    "diagnosis_2": [
        "Malignant melanocytic proliferations (Melanoma)",
        "Malignant adnexal epithelial proliferations - Follicular",
        "Benign melanocytic proliferations",
        "Indeterminate melanocytic proliferations",
        "Indeterminate epidermal proliferations",
        "Malignant melanocytic proliferations (Melanoma)",
        "",
        "",
    ],
    "diagnosis_3": [
        "Melanoma Invasive",
        "Basal cell carcinoma",
        "Nevus",
        "Atypical melanocytic neoplasm",
        "Solar or actinic keratosis",
        "Melanoma metastasis",
        "",
        "",
    ],
    "diagnosis_4": ["Melanoma Invasive, Nodular", "", "Blue nevus", "", "", "", "", ""],
    "diagnosis_5": ["", "", "Blue nevus, Cellular", "", "", "", "", ""],
}
ARCHIVE_TARGET = [1, 0, 0, -1, 0, 1, 0, -1]


def test_columns_of_the_isic_archive(load):
    lesions = load(ARCHIVE)
    assert get_targets(lesions) == ARCHIVE_TARGET
    assert lesions.diagnosis[:3] == ["Melanoma Invasive, Nodular", "Basal cell carcinoma", "Blue nevus, Cellular"]
    flags = ["malignant", "malignant", "benign", "indeterminate", "indeterminate", "malignant", "benign", ""]
    assert get_targets(load({"benign_malignant": flags, **ARCHIVE})) == ARCHIVE_TARGET
    renamed = {name.replace("diagnosis", "iddx"): values for name, values in ARCHIVE.items()}
    target = ["1", "1", "0", "0", "0", "1", "0", "0"]  # a column of ISIC 2024: malignant
    assert get_targets(load({"target": target, **renamed}))[:7] == [1, 0, 0, 0, 0, 1, 0]


def test_paths_of_diagnoses(load):
    paths = ["::".join(filter(None, parts)) for parts in zip(*ARCHIVE.values(), strict=True)]
    assert get_targets(load(paths, column="iddx_full")) == ARCHIVE_TARGET


@pytest.mark.parametrize("column", ["benign_malignant", "diagnosis_1"])
def test_malignant_alone_raises(load, column):
    with pytest.raises(ValueError, match=r"got 'malignant' \(2\), which could mean melanoma or not"):
        load(["malignant", "benign", "malignant"], column=column)
    assert get_targets(load(["malignant", "benign", "indeterminate"], column=column, melanoma="malignant"))[:2] == [
        1,
        0,
    ]


def test_unknown_diagnosis_of_isic_2020_is_benign(load):
    lesions = load(
        {
            "diagnosis": ["unknown", "melanoma", "nevus", "unknown"],
            "benign_malignant": ["benign", "malignant", "benign", "benign"],
            "target": ["0", "1", "0", "0"],
        }
    )
    assert get_targets(lesions) == [0, 1, 0, 0]
    assert lesions.label_mapping == {"benign": 0, "melanoma": 1, "nevus": 0}


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"diagnosis": ["nevus", "melanoma"], "target": ["1", "1"]}, "diagnosis 'nevus' with target '1'"),
        (
            {"diagnosis": ["melanoma", "melanoma"], "benign_malignant": ["benign", "malignant"]},
            "'melanoma' with benign",
        ),
        ({"diagnosis": ["nevus", "melanoma"], "benign_malignant": ["malignant", ""]}, "'nevus' with benign_malignant"),
        ({"diagnosis_1": ["Benign", "Malignant"], "diagnosis_3": ["Melanoma, NOS"] * 2}, "'Melanoma, NOS' with"),
    ],
)
def test_contradiction_between_columns_raises(load, columns, shown):
    with pytest.raises(ValueError, match=rf"contradict each other: .*{shown}.*\(1\).*label_column"):
        load(columns)
    name = next(iter(columns))
    melanoma = {"malignant": 1} if "Malignant" in columns[name] else None
    assert len(load(columns, label_column=name, melanoma=melanoma).target) == 2


@pytest.mark.parametrize(
    ("flags", "words", "shown"),
    [
        ([0, 1, 1, 0], ["melanoma", "nevus", "nevus", "melanoma"], "target '0' with class_name 'melanoma'"),
        ([True, True, False, True], ["melanoma", "bcc", "nevus", "bcc"], "target 'True' with class_name 'bcc'"),
    ],
)
def test_numbers_that_another_column_contradicts_raise(load, flags, words, shown):
    columns = {"target": flags, "class_name": words, "age": [40, 50, 60, 70]}
    with pytest.raises(ValueError, match=f"got {shown}, and so in all such rows. Name the column"):
        load(columns)
    assert get_targets(load(columns, label_column="class_name")) == [int(word == "melanoma") for word in words]
    swapped = load({"target": [0, 1, 1, 0], "class_name": words}, melanoma={0: 1, 1: 0})
    assert get_targets(swapped) == [1, 0, 0, 1]


@pytest.mark.parametrize(
    "words",
    [
        ["melanoma", "nevus", "nevus", "melanoma"],  # diagnosis before the biopsy, so some differ
        ["none", "melanoma", "melanoma", "?"],  # diseases in the family
        ["melanoma", "foo", "nevus", "bar"],
    ],
)
def test_numbers_go_before_columns_that_may_be_something_else(load, words):
    assert get_targets(load({"target": [1, 0, 0, 0], "note": words})) == [1, 0, 0, 0]


def test_target_of_isic_2024_is_malignant(load):
    with pytest.raises(ValueError, match=r"got '1' \(1\), which could mean melanoma or not"):
        load({"target": ["1", "0"], "tbp_lv_A": ["20.1", "19.4"]})


def test_one_column_per_diagnosis_by_pandas(load):
    words = pd.Series(["MEL", "NV", "BCC", "NV"])
    assert get_targets(load(dict(pd.get_dummies(words)))) == [1, 0, 0, 0]


def test_one_column_per_diagnosis(load):
    names = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"]
    table = {name: ["1.0" if row == column else "0.0" for row in range(10)] for column, name in enumerate(names)}
    lesions = load(table)
    assert get_targets(lesions) == [1, 0, 0, 0, 0, 0, 0, 0, -1, -1]
    assert lesions.label_mapping == {**dict.fromkeys(names[1:8], 0), "MEL": 1, "UNK": -1, "": -1}
    table["NV"][0] = "1"
    with pytest.raises(ValueError, match=r"must mark one diagnosis in each row, got \['MEL', 'NV'\] in row 1"):
        load(table)


def test_two_flags_of_isic_2017(load):
    table = {"melanoma": ["1.0", "0.0", "0.0"], "seborrheic_keratosis": ["0.0", "1.0", "0.0"]}
    assert get_targets(load(table)) == [1, 0, 0]
    assert get_targets(load({"MEL": table["melanoma"], "SK": table["seborrheic_keratosis"]})) == [1, 0, 0]


@pytest.mark.parametrize(
    ("words", "melanomas"),
    [
        ("ACK BCC MEL NEV SCC SEK", ["MEL"]),
        ("akiec bcc bkl df mel nv vasc", ["mel"]),
        ("AKIEC BCC BEN_OTH BKL DF INF MAL_OTH MEL NV SCCKA VASC", ["MEL"]),
    ],
)
def test_codes_of_public_data_sets(load, words, melanomas):
    words = words.split()
    assert get_targets(load(words, column="diagnostic")) == [int(word in melanomas) for word in words]


@pytest.mark.parametrize("column", ["Diagnose", "Diagnóstico", "DIAGNOSI", "Diagnostic", "Dx"])
def test_names_of_the_column_in_other_languages(load, column):
    assert get_targets(load(["Melanom", "Nävus"], column=column)) == [1, 0]


def test_words_of_derm7pt(load):
    others = split(
        "basal cell carcinoma | blue nevus | clark nevus | combined nevus | congenital nevus | dermal nevus"
        " | dermatofibroma | lentigo | melanosis | miscellaneous | recurrent nevus | reed or spitz nevus | seborrheic"
        " keratosis | vascular lesion"
    )
    melanomas = ["melanoma", "melanoma (in situ)", "melanoma (less than 0.76 mm)", "melanoma (0.76 to 1.5 mm)"]
    melanomas += ["melanoma (more than 1.5 mm)", "melanoma metastasis"]
    assert get_targets(load(others + melanomas)) == [0] * len(others) + [1] * len(melanomas)


def test_label_mapping_and_description(load):
    lesions = load(["Melanoma", "MM", "nevus", "?", "nevus", "1"])
    assert lesions.label_mapping == {"Melanoma": 1, "MM": 1, "1": 1, "nevus": 0, "?": -1}
    assert "Labels: melanoma = " in lesions.DESCR
    assert "other = 'nevus' (2); unknown = '?' (1)." in lesions.DESCR
    assert lesions.diagnosis == ["Melanoma", "MM", "nevus", "unknown", "nevus", "melanoma"]


def test_all_unknown_warns(load):
    with pytest.warns(UserWarning, match="no image of .* is labeled: .* All values of labels mean unknown") as caught:
        load(["unknown", "?"])
    assert caught[0].filename == __file__


def test_large_table_is_read_by_its_different_values(load, monkeypatch):
    from sklearn_melanoma.datasets import _labels

    read = []
    original = _labels.read_value
    monkeypatch.setattr(_labels, "read_value", lambda *args: read.append(args) or original(*args))
    load(["melanoma", "nevus"] * 20)
    assert len(read) == 2


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "image_column", "truth_column"),
    [
        ("ISIC_2019_Training_GroundTruth.csv", "image", "MEL"),
        ("ISIC_2020_Training_GroundTruth_v2.csv", "image_name", "target"),
    ],
)
def test_real_isic_tables(real_data, tmp_path, name, image_column, truth_column):
    path = real_data("tables") / name
    table = pd.read_csv(path)
    for image in table[image_column]:
        (tmp_path / f"{image}.jpg").write_bytes(b"")
    lesions = load_folder(tmp_path, labels=path)
    names = [image.rpartition("/")[2].removesuffix(".jpg") for image in lesions.images]
    np.testing.assert_array_equal(lesions.target, table.set_index(image_column)[truth_column][names].astype(int))
    assert list(lesions.frame[image_column]) == names
