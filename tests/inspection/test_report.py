"""Numbers of a report, and its page as text."""

import base64
import json
import re
import sys
from collections.abc import Sequence
from html import unescape
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.svm import LinearSVC

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import ColorFeatures
from sklearn_melanoma.inspection import make_report
from sklearn_melanoma.inspection._report import name_images
from sklearn_melanoma.inspection._report_data import find_neighbors
from sklearn_melanoma.inspection._summary import SKIN_TONES, name_skin_tones
from sklearn_melanoma.inspection._thumbnails import MAX_BYTES, make_thumbnail, trace_border
from sklearn_melanoma.metrics import Threshold, score_report
from sklearn_melanoma.segmentation import WatershedSegmenter

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\u2028'\"{{ 7 * 7 }}"


class CountingImages(Sequence):
    """A sequence of images that counts the accesses to each."""

    def __init__(self, images):
        self.images = images
        self.reads = [0] * len(images)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.reads[index] += 1
        return self.images[index]


def read_payload(report):
    block = re.search(r'<script id="data" type="application/json">(.*?)</script>', report.html, re.DOTALL)[1]
    return json.loads(block)


@pytest.fixture(scope="module")
def labels(lesions):
    y = lesions.target.copy()
    y[::7] = -1
    return y


@pytest.fixture(scope="module")
def metadata(lesions):
    n = len(lesions.images)
    return pd.DataFrame({"site": np.resize(["back", "leg", None], n), "age": np.arange(n) + 20})


@pytest.fixture(scope="module")
def report(lesions, labels, metadata, model):
    return make_report(model, lesions.images, labels, metadata=metadata, threshold=0.4)


# Numbers


def test_scores_are_those_of_the_model(report, lesions, model, labels):
    table, probability = report.table, model.predict_proba(lesions.images)[:, 1]
    np.testing.assert_allclose(table["score"], probability, atol=1e-12)
    assert table["prediction"].tolist() == (probability >= 0.4).astype(int).tolist()
    assert table["label"].fillna(-1).tolist() == labels.tolist()
    assert (table["error"] == "").all()


def test_contributions_add_up(report, lesions, model):
    table = report.table
    parts = table[[name for name in table if name.startswith("contribution_")]]
    np.testing.assert_allclose(
        parts.sum(axis=1) + table["intercept"], model.decision_function(lesions.images), atol=1e-10
    )
    assert {"contribution_size", "contribution_irregular_border", "contribution_other"} < set(parts)


def test_skin_tone_is_that_of_the_color_features(report, lesions):
    found = WatershedSegmenter().transform(lesions.images)
    expected = ColorFeatures(["skin_ita"]).transform(found)[:, 0]
    np.testing.assert_allclose(report.table["skin_ita"], expected)
    np.testing.assert_array_equal(report.table["skin_tone"].isna(), np.isnan(expected))


def test_names_of_skin_tones():
    tones = name_skin_tones(np.array([60.0, 55, 42, 41, 30, 15, -10, -30, -89, np.nan]))
    assert list(tones[:-1]) == [
        "very light", "light", "light", "intermediate", "intermediate", "tan", "brown", "dark", "dark"
    ]  # fmt: skip
    assert tones.codes[-1] == -1
    assert list(tones.categories) == list(SKIN_TONES)


def test_each_image_is_read_once(lesions, model, monkeypatch):
    images = CountingImages([*lesions.images[:20], "gone.jpg"])
    segmented = []
    transform = WatershedSegmenter.transform
    monkeypatch.setattr(WatershedSegmenter, "transform", lambda self, X: segmented.extend(X) or transform(self, X))
    assert make_report(model, images).html
    assert images.reads == [1] * 21
    assert len(segmented) == 20


def test_results_are_those_of_the_score_report(report, labels, metadata):
    score = report.table["score"]
    pd.testing.assert_frame_equal(report.results, score_report(labels, score, threshold=0.4))
    by_site = score_report(labels, score, threshold=0.4, by=metadata["site"])
    assert list(report.results_by) == ["site", "skin tone"]  # 40 ages are not groups
    pd.testing.assert_frame_equal(report.results_by["site"], by_site.loc[report.results_by["site"].index])
    assert list(report.results_by["site"].index.unique(0)) == ["back", "leg", "missing"]


def test_neighbors_are_the_nearest_labeled_rows():
    rng = np.random.default_rng(0)
    rows, labeled = rng.normal(size=(30, 3)), rng.random(30) < 0.6
    asking = rng.random(30) < 0.8
    groups = np.resize(np.arange(12), 30)
    for given in (None, groups):
        neighbors, distances = find_neighbors(rows, labeled, asking, given)
        for i in range(30):
            other = labeled & (np.arange(30) != i if given is None else groups != groups[i])
            far = np.where(other, np.linalg.norm(rows - rows[i], axis=1), np.inf)
            expected = np.argsort(far)[:3] if asking[i] else [-1, -1, -1]
            assert neighbors[i].tolist() == list(expected)
            if asking[i]:
                np.testing.assert_allclose(distances[i], far[expected])


def test_few_labels_give_few_neighbors():
    neighbors, distances = find_neighbors(np.array([[0.0], [1], [3]]), np.array([True, False, True]), np.ones(3, bool))
    assert neighbors.tolist() == [[2, -1, -1], [0, 2, -1], [0, -1, -1]]
    assert np.isnan(distances).tolist() == [[False, True, True], [False, False, True], [False, True, True]]
    assert (find_neighbors(np.eye(3), np.zeros(3, bool), np.ones(3, bool))[0] == -1).all()


def test_similar_lesions_are_not_of_the_same_group(lesions, labels, model):
    groups = np.resize(["a", "b"], 20)
    items = read_payload(make_report(model, lesions.images[:20], labels[:20], groups=groups))["items"]
    assert any(item["k"] for item in items)
    assert all(groups[other] != groups[i] for i, item in enumerate(items) for other, _ in item["k"])


# Other models


def test_forest_says_that_it_is_not_linear(lesions, labels):
    forest = make_melanoma_pipeline("survey", RandomForestClassifier(5, random_state=0))
    report = make_report(forest.fit(lesions.images[:30], lesions.target[:30]), lesions.images[:20], labels[:20])
    assert "RandomForestClassifier is not linear" in report.html
    assert not any(name.startswith("contribution") for name in report.table)
    items = read_payload(report)["items"]
    assert "c" not in items[0]
    assert any(item["k"] for item in items)


def test_decision_function_without_probabilities(lesions):
    model = make_melanoma_pipeline("survey", LinearSVC()).fit(lesions.images[:30], lesions.target[:30])
    report = make_report(model, lesions.images, lesions.target)
    np.testing.assert_allclose(report.table["score"], model.decision_function(lesions.images))
    assert report.table["prediction"].tolist() == model.predict(lesions.images).tolist()
    assert list(report.results.index) == ["ROC AUC", "balanced accuracy", "sensitivity", "specificity", "prevalence"]
    assert "not a probability" in report.html
    assert "Calibration" not in report.html


def test_threshold_and_calibration_of_the_model(lesions, model):
    calibrated = CalibratedClassifierCV(FrozenEstimator(model)).fit(lesions.images[:30], lesions.target[:30])
    cut = FixedThresholdClassifier(FrozenEstimator(calibrated), threshold=0.3)
    report = make_report(cut, lesions.images[:20])
    assert report.table["prediction"].tolist() == cut.predict(lesions.images[:20]).tolist()
    assert read_payload(report)["threshold"] == 0.3
    assert "calibrated probability" in report.html
    assert "was not calibrated" in make_report(model, lesions.images[:2]).html


def test_labels_as_words(lesions):
    words = np.array(["nevus", "melanoma"])[lesions.target]
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images[:30], words[:30])
    with pytest.raises(ValueError, match="pos_label"):
        make_report(model, lesions.images[:2])
    mixed = np.array([*words[:19], -1], dtype=object)
    report = make_report(model, lesions.images[:20], mixed, pos_label="melanoma")
    column = list(model.classes_).index("melanoma")
    np.testing.assert_allclose(report.table["score"], model.predict_proba(lesions.images[:20])[:, column])
    assert report.table["prediction"].tolist() == model.predict(lesions.images[:20]).tolist()
    assert read_payload(report)["items"][19]["y"] == -1


@pytest.fixture(scope="module")
def three_classes(lesions):
    y = np.resize(["bkl", "mel", "nv"], 40)
    return make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images[:30], y[:30]), y


def test_three_classes(three_classes, lesions):
    model, y = three_classes
    report = make_report(model, lesions.images, y)
    probability = model.predict_proba(lesions.images)
    np.testing.assert_allclose(report.table[["probability_bkl", "probability_mel", "probability_nv"]], probability)
    assert report.table["prediction"].tolist() == model.predict(lesions.images).tolist()
    np.testing.assert_allclose(report.table["score"], probability.max(axis=1))
    parts = report.table[[name for name in report.table if name.startswith("contribution_")]].sum(axis=1)
    expected = model.decision_function(lesions.images).max(axis=1)
    np.testing.assert_allclose(parts + report.table["intercept"], expected, atol=1e-10)
    assert "macro ROC AUC" in report.results.index
    payload = read_payload(report)
    assert payload["positive"] is None
    assert "</span>unlabeled" not in report.html
    assert ">unlabeled: " not in report.html
    assert len(payload["items"][0]["a"]) == 3


def test_one_of_three_classes_is_positive(three_classes, lesions):
    model, y = three_classes
    report = make_report(model, lesions.images, y, pos_label="mel")
    probability = model.predict_proba(lesions.images)[:, 1]
    np.testing.assert_allclose(report.table["score"], probability)
    assert "sensitivity" not in report.results.index  # it has no threshold
    assert read_payload(report)["unit"] == "linear score"
    assert report.results.loc["ROC AUC", "value"] == score_report(y == "mel", probability).loc["ROC AUC", "value"]


def test_columns_of_the_patient(lesions):
    X = pd.DataFrame({"image": lesions.images, "age": np.arange(40.0), "sex": np.resize(["female", "male"], 40)})
    model = make_melanoma_pipeline(columns=["age", "sex"]).fit(X[:30], lesions.target[:30])
    X.loc[39, "image"] = "gone.jpg"
    report = make_report(model, X[30:], lesions.target[30:])
    np.testing.assert_allclose(report.table["score"].iloc[:9], model.predict_proba(X[30:39])[:, 1])
    assert {"contribution_age", "contribution_sex"} < set(report.table)
    assert list(report.table.index) == list(range(30, 40))
    assert read_payload(report)["columns"] == ["age", "sex", "skin tone"]
    assert report.table["unreadable"].tolist() == [False] * 9 + [True]


# Page


def test_errors_do_not_stop_a_report(lesions, model, tmp_path):
    broken = tmp_path / "broken & cut.png"
    Image.fromarray(lesions.images[0]).save(broken)
    broken.write_bytes(broken.read_bytes()[:500])
    report = make_report(model, [lesions.images[0], broken, "gone.jpg"])
    assert report.table["unreadable"].tolist() == [False, True, True]
    assert np.isnan(report.table["score"]).tolist() == [False, True, True]
    assert "2 unreadable images" in report.html
    assert "broken &amp; cut.png" in report.html
    assert "X[" not in report.html
    assert len(read_payload(report)["items"]) == 1
    assert repr(report) == "Report(3 images, 2 of them unreadable)"


def test_report_without_any_readable_image(model):
    report = make_report(model, ["gone.jpg"], [1])
    assert "1 unreadable image<" in report.html
    assert report.results is None
    assert report.table["score"].isna().all()
    assert read_payload(report)["items"] == []


def test_report_without_images(model):
    report = make_report(model, [])
    assert report.table.empty
    assert "is not linear" not in report.html


def test_texts_of_users_are_escaped(lesions, tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    path = folder / ("x" + HOSTILE.replace("/", "∕") + ".png")
    Image.fromarray(lesions.images[0]).save(path)
    words = np.array([HOSTILE, "melanoma"])[lesions.target[:30]]
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images[:30], words)
    metadata = pd.DataFrame({HOSTILE: [HOSTILE, "b", "b", "c"]})
    report = make_report(
        model,
        [path, *lesions.images[1:3], folder / "gone<b>.jpg"],
        [HOSTILE, "melanoma", HOSTILE, -1],
        metadata=metadata,
        pos_label="melanoma",
        title=HOSTILE,
    )
    page = report.html
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert "<b>.jpg" not in page
    assert "49" not in re.search(r"<title>(.*?)</title>", page, re.DOTALL)[1]
    assert HOSTILE in unescape(page)
    payload = read_payload(report)
    assert HOSTILE in payload["classes"]
    assert payload["columns"][0] == HOSTILE
    assert payload["items"][0]["m"][0] == HOSTILE
    assert payload["items"][0]["n"] == path.name


def test_page_needs_nothing_else(report):
    assert "default-src 'none'" in report.html
    without_names = report.html.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(src|href)=[\"'](?!#|data:)|url\(|@import|https?://", without_names)


def test_page_is_light(report):
    items = read_payload(report)["items"]
    for item in items:
        picture = base64.b64decode(item["t"])
        assert len(picture) <= MAX_BYTES
        assert Image.open(BytesIO(picture)).format == "JPEG"
    assert np.mean([len(json.dumps(item)) for item in items]) < 8000


def test_save(report, tmp_path):
    path = tmp_path / "report.html"
    report.save(path)
    assert path.read_text("utf-8") == report.html
    with pytest.raises(FileNotFoundError):
        report.save(tmp_path / "missing" / "report.html")


def test_notebooks_show_the_page_in_a_frame(report):
    html = report._repr_html_()
    assert html.startswith("<iframe")
    assert 'sandbox="allow-scripts' in html
    page = re.search(r'srcdoc="(.*?)"', html, re.DOTALL)[1]
    assert unescape(page) == report.html


def test_cards_tell_the_strongest_features(report, model, table):
    payload = read_payload(report)
    item = payload["items"][3]
    weights = model["classify"].coef_[0] * model[1:-1].transform(table).to_numpy()[3]
    strongest = np.argsort(-np.abs(weights))[:3]
    assert [payload["features"][number] for number, *_ in item["f"]] == list(table.columns[strongest])
    for number, value, rank, added in item["f"]:
        column = table.iloc[:, number]
        assert value == pytest.approx(column.iloc[3], rel=1e-3)
        assert rank == pytest.approx(
            100 * ((column < column.iloc[3]).mean() + 0.5 * (column == column.iloc[3]).mean()), abs=1
        )
        assert added == pytest.approx(weights[number], abs=1e-3)


def test_noise_makes_a_small_thumbnail():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert len(make_thumbnail(noise)) <= MAX_BYTES


def test_border_is_that_of_the_mask():
    mask = np.zeros((96, 384), dtype=bool)
    mask[24:48, 100:300] = True
    numbers = [int(number) for number in re.findall(r"-?\d+", trace_border(mask))]
    corners = np.cumsum(np.reshape(numbers, (-1, 2)), axis=0)
    # The thumbnail has half the size, and the path four units per pixel.
    np.testing.assert_allclose(corners.min(axis=0), (200, 48), atol=2)
    np.testing.assert_allclose(corners.max(axis=0), (600, 96), atol=2)
    assert trace_border(np.zeros((9, 9), bool)) == ""


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["a/b/1.jpg", "a/b/2.jpg"], ["1.jpg", "2.jpg"]),
        (["a/bc/1.jpg", "a/bd/1.jpg"], ["bc/1.jpg", "bd/1.jpg"]),
        (["a\\1.jpg", "a\\2.jpg", None], ["1.jpg", "2.jpg", "image 2"]),
        (["/x/1.jpg", "1.jpg"], ["/x/1.jpg", "1.jpg"]),
        ([None], ["image 0"]),
        ([], []),
    ],
)
def test_names_are_paths_below_the_common_folder(sources, names):
    assert name_images(sources) == names


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": [0]}, ValueError, "y must have one label for each of the 2 images, got 1"),
        ({"y": [0, 7]}, ValueError, r"y\[1\]: a label must be one of the classes of the model, \[0, 1\].* got 7"),
        ({"y": [0, None]}, ValueError, r"y\[1\]: a missing label must be the integer -1"),
        ({"groups": [1]}, ValueError, "groups must hold one group for each of the 2 images, got 1"),
        ({"groups": ["a", np.nan]}, ValueError, r"groups\[1\] is missing"),
        ({"groups": "ab"}, TypeError, "groups must hold one group for each sample, got str"),
        ({"metadata": pd.DataFrame({"a": [1]})}, ValueError, "metadata must have one row"),
        ({"metadata": [1, 2]}, TypeError, "metadata must be a pandas DataFrame, got list"),
        ({"pos_label": "x"}, ValueError, "pos_label must be one of"),
        ({"threshold": np.nan}, ValueError, "threshold must be a finite number"),
    ],
)
def test_bad_input_is_refused_before_an_image_is_read(options, error, message, model):
    images = CountingImages(["gone.jpg", "gone.jpg"])
    with pytest.raises(error, match=message):
        make_report(model, images, **options)
    assert images.reads == [0, 0]


def test_threshold_as_it_was_found(lesions, model):
    report = make_report(model, lesions.images[:2], threshold=Threshold(0.3, 0.95, 0.6, 0.9))
    assert read_payload(report)["threshold"] == 0.3


def test_threshold_needs_two_classes(three_classes, lesions):
    with pytest.raises(ValueError, match="for 3 classes"):
        make_report(three_classes[0], lesions.images[:2], threshold=0.5)


def test_one_image_is_no_sequence(model):
    with pytest.raises(TypeError, match="must be a sequence of images"):
        make_report(model, "image.jpg")


def test_missing_jinja2(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"sklearn-melanoma\[report\]"):
        make_report(model, [])
