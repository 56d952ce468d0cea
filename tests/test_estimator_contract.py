"""Contract tests, run on every public estimator of images, including new ones."""

import atexit
import importlib
import inspect
import io
import os
import pickle
import pkgutil
from pathlib import Path
from tempfile import TemporaryDirectory

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

import sklearn_melanoma
from sklearn_melanoma import Lesion
from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._validation import element_of_error
from sklearn_melanoma.features import ColorFeatures, FisherVectorEncoder, MorphologyFeatures, PatientRelative
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.persistence import load_model, save_model
from sklearn_melanoma.pipeline import BlockScaler, ImagePipeline
from sklearn_melanoma.segmentation import (
    CRFRefiner,
    MaskCorrectingSegmenter,
    PixelClassifierSegmenter,
    SegmenterSelector,
    WatershedSegmenter,
)
from tests._networks import write_encoder, write_segmentation

# Packages whose estimators take tables, and other estimators of tables. scikit-learn's own suite tests all of them
# except BlockScaler, which needs named columns.
TABULAR = {"semi_supervised"}
TABULAR_ESTIMATORS = {BlockScaler, PatientRelative}

# Folder in which an ImagePipeline caches rows across tests.
ROWS = TemporaryDirectory(prefix="rows")
atexit.register(ROWS.cleanup)

# Folder of the networks.
NETWORKS = TemporaryDirectory(prefix="networks")
atexit.register(NETWORKS.cleanup)

# Constructor arguments that are required or change the kind of output.
ARGUMENTS = {
    "ImagePipeline": [
        {"steps": [("read", ImageReader()), ("segment", WatershedSegmenter())], "batch_size": 2},
        {"steps": [("clean", "passthrough"), ("segment", WatershedSegmenter()), ("measure", ColorFeatures())]},
        {"steps": [("measure", MorphologyFeatures("survey"))], "batch_size": 2},
        {"steps": [("measure", ColorFeatures(["lightness_contrast", "a_std"]))], "batch_size": 2, "memory": ROWS.name},
    ],
    "PixelClassifierSegmenter": [
        {"estimator": DecisionTreeClassifier(max_depth=5, random_state=0), "n_pixels": 50, "random_state": 0}
    ],
    "SegmenterSelector": [
        {
            "segmenters": [("blue", WatershedSegmenter()), ("green", WatershedSegmenter(channel="green"))],
            "random_state": 0,
        }
    ],
    "InvariantProjection": [{"transformer": MorphologyFeatures(), "n_components": 3, "random_state": 0}],
    "FisherVectorEncoder": [{"n_gaussians": 2, "n_components": 4, "n_patches": 500, "random_state": 0}],
    "MaskCorrectingSegmenter": [{"segmenter": WatershedSegmenter(), "cv": 2, "random_state": 0}],
    "MorphologyFeatures": [{}, {"features": ["max_span", "area"], "unit": "mm"}],
    "NetworkEncoder": [{"path": str(write_encoder(Path(NETWORKS.name, "encoder.onnx")))}],
    "NetworkSegmenter": [{"path": str(write_segmentation(Path(NETWORKS.name, "u-net.onnx"))), "mean": 0, "std": 1}],
}

# Segmenters that need masks to be fitted.
LEARNERS = (MaskCorrectingSegmenter, PixelClassifierSegmenter)


def find_estimators():
    for module in pkgutil.iter_modules(sklearn_melanoma.__path__):
        if module.name.startswith("_") or module.name in TABULAR | {"cli"}:
            continue
        package = importlib.import_module(f"sklearn_melanoma.{module.name}")
        things = [getattr(package, name) for name in package.__all__]
        estimators = (thing for thing in things if inspect.isclass(thing) and issubclass(thing, BaseEstimator))
        yield from (
            estimator
            for estimator in estimators
            if not issubclass(estimator, ClassifierMixin) and estimator not in TABULAR_ESTIMATORS
        )


CLASSES = sorted(set(find_estimators()), key=lambda cls: cls.__name__)
ESTIMATORS = [cls(**arguments) for cls in CLASSES for arguments in ARGUMENTS.get(cls.__name__, [{}])]


def makes_rows(estimator):
    return list(estimator.get_feature_names_out()) != ["lesion"]


def needs_masks(estimator):
    first = (
        next(step for step in estimator if step != "passthrough") if isinstance(estimator, ImagePipeline) else estimator
    )
    return isinstance(first, FeatureTransformer | CRFRefiner)


def name_estimator(estimator):
    alike = [other for other in ESTIMATORS if type(other) is type(estimator)]
    return type(estimator).__name__ + (f"-{alike.index(estimator)}" if len(alike) > 1 else "")


every = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_estimator, indirect=True)
every_of_rows = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if makes_rows(e)], ids=name_estimator, indirect=True
)
every_of_lesions = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if not makes_rows(e)], ids=name_estimator, indirect=True
)
every_of_images = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if not needs_masks(e)], ids=name_estimator, indirect=True
)
every_of_masks = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if needs_masks(e)], ids=name_estimator, indirect=True
)


@pytest.fixture
def estimator(request, monkeypatch):
    """Return a clone of the estimator; an estimator that learns from masks gets the masks of the watershed."""
    if isinstance(request.param, LEARNERS):
        fit = type(request.param).fit

        def fit_to_watershed(self, X, y=None):
            self._validate_params()
            return fit(self, X, WatershedSegmenter().predict(X))

        monkeypatch.setattr(type(request.param), "fit", fit_to_watershed)
        monkeypatch.setattr("sklearn_melanoma.segmentation._pixel_samples._N_TREES", 3)
    return clone(request.param)


@pytest.fixture(scope="session")
def lesions(make_lesion):
    sizes = [(60, 80), (48, 64), (64, 64), (80, 50), (60, 80), (40, 96)]
    return [
        make_lesion(*size, center=(0.02 * i - 0.05, 0.03), radii=(0.12 + 0.01 * i, 0.2), mm_per_pixel=0.02, seed=i)
        for i, size in enumerate(sizes)
    ]


@pytest.fixture(scope="session")
def images(make_image):
    """Return images of one size, which fit into a 4-D array."""
    return [make_image(48, 64, center=(0.03 * i, -0.02 * i), seed=i) for i in range(3)]


@pytest.fixture(scope="session")
def paths(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(len(images))]


def assert_same(left, right, *, sources=True):
    assert type(left) is type(right)
    if isinstance(left, pl.DataFrame):
        assert left.equals(right, null_equal=True)
    elif isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
    elif isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right)
    else:
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            np.testing.assert_array_equal(a.image, b.image)
            np.testing.assert_array_equal(a.mask, b.mask)
            np.testing.assert_array_equal(a.probability, b.probability)
            assert (a.source_shape, a.mm_per_pixel) == (b.source_shape, b.mm_per_pixel)
            assert a.source == b.source or not sources


def test_suite_finds_estimators():
    found = {cls.__name__ for cls in CLASSES}
    assert found >= {"ImageReader", "WatershedSegmenter", "MorphologyFeatures", "ColorFeatures", "ImagePipeline"}


# Parameters


@every
@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_estimator_repr",
        "check_no_attributes_set_in_init",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_mixin_order",
        "check_get_params_invariance",
        "check_set_params",
        "check_param_validation",
    ],
)
def test_scikit_learn_checks(estimator, check):
    """Run scikit-learn's checks that do not depend on the input; its own suite skips them here."""
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@every
def test_init_sets_only_parameters(estimator):
    assert vars(estimator).keys() == estimator.get_params(deep=False).keys()


@every
def test_fit_returns_self_and_keeps_parameters(estimator, lesions):
    before = dict(estimator.get_params())
    assert estimator.fit(lesions) is estimator
    after = estimator.get_params()
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


@every
def test_clone_has_same_parameters(estimator, lesions):
    copy = clone(estimator.fit(lesions))
    assert copy is not estimator
    assert repr(copy) == repr(estimator)
    assert vars(copy).keys() == copy.get_params(deep=False).keys()


@every
def test_refuses_invalid_parameters_by_name(estimator, lesions):
    for name in estimator.get_params(deep=False):
        for method in ("fit", "transform", "fit_transform", "predict"):
            if not hasattr(estimator, method):
                continue
            wrong = clone(estimator).set_params(**{name: object()})
            with pytest.raises((ValueError, TypeError), match=f"'{name}' parameter of {type(estimator).__name__} must"):
                getattr(wrong, method)(lesions)


@every
def test_set_params_refuses_unknown_names(estimator):
    with pytest.raises(ValueError, match="Invalid parameter 'no_such_option'"):
        estimator.set_params(no_such_option=1)


@every
def test_tags(estimator, lesions):
    tags = get_tags(estimator)
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.one_d_array
    assert tags.input_tags.string
    assert tags.target_tags.required == isinstance(estimator, LEARNERS)
    assert tags.estimator_type is None
    assert not is_classifier(estimator)
    assert not is_regressor(estimator)
    assert not hasattr(estimator.fit(lesions), "n_features_in_")
    check_is_fitted(estimator)


@every
def test_only_learning_estimators_need_fit(estimator, lesions):
    if get_tags(estimator).requires_fit:
        with pytest.raises(NotFittedError):
            estimator.transform(lesions)
    else:
        check_is_fitted(estimator)
        assert_same(estimator.transform(lesions), clone(estimator).fit(lesions).transform(lesions))


@every
def test_html_repr(estimator):
    assert type(estimator).__name__ in estimator._repr_html_()


# Output


@every
def test_fit_transform_equals_fit_and_transform(estimator, lesions):
    assert_same(clone(estimator).fit_transform(lesions), estimator.fit(lesions).transform(lesions))


@every
def test_image_is_independent_of_batch(estimator, lesions):
    whole = estimator.fit(lesions).transform(lesions)
    for position, lesion in enumerate(lesions):
        assert_same(estimator.transform([lesion]), whole[position : position + 1])


@every
def test_order_is_kept(estimator, lesions):
    order = [3, 0, 5, 1, 4, 2]
    whole = estimator.fit(lesions).transform(lesions)
    shuffled = estimator.transform([lesions[i] for i in order])
    assert_same(shuffled, whole[order] if makes_rows(estimator) else [whole[i] for i in order])


@every
def test_same_output_from_processes(estimator, lesions):
    estimator.fit(lesions)
    parallel = ImagePipeline([("step", estimator)], batch_size=2, n_jobs=2)
    assert_same(parallel.transform(lesions), estimator.transform(lesions))


@every
def test_same_output_from_threads(estimator, lesions):
    estimator.fit(lesions)
    with joblib.parallel_config(backend="threading"):
        threaded = ImagePipeline([("step", estimator)], batch_size=1, n_jobs=4).transform(lesions * 3)
    assert_same(threaded, estimator.transform(lesions * 3))


@every
def test_pickle_round_trip(estimator, lesions):
    expected = estimator.set_output(transform="pandas").fit(lesions).transform(lesions)
    for package in (pickle, cloudpickle, joblib):
        file = io.BytesIO()
        package.dump(estimator, file)
        file.seek(0)
        again = package.load(file)
        assert repr(again) == repr(estimator)
        assert_same(again.transform(lesions), expected)


@every
def test_save_and_load(estimator, lesions, tmp_path):
    estimator.set_output(transform="pandas").fit(lesions)
    save_model(estimator, tmp_path / "model.skops")
    again = load_model(tmp_path / "model.skops")
    assert type(again) is type(estimator)
    assert_same(again.transform(lesions), estimator.transform(lesions))


@every
def test_empty_input_gives_empty_output(estimator, lesions):
    estimator.fit(lesions)
    for empty in ([], (), np.empty(0, dtype=object), np.empty((0, 8, 8, 3), np.uint8), pd.Series([], dtype=object)):
        result = estimator.transform(empty)
        if makes_rows(estimator):
            assert result.shape == (0, len(estimator.get_feature_names_out()))
            assert result.dtype == np.float64
        else:
            assert result == []
    if not get_tags(estimator).requires_fit:
        assert len(estimator.fit([]).transform([])) == 0


@every_of_rows
def test_names_are_columns(estimator, lesions):
    names = estimator.get_feature_names_out()
    assert names.dtype == object
    assert len(set(names)) == len(names)
    rows = estimator.fit_transform(lesions)
    assert (rows.shape, rows.dtype) == ((len(lesions), len(names)), np.float64)
    assert np.isfinite(rows).all()
    assert len({tuple(row) for row in rows}) > 1  # six lesions; some scores may be equal
    assert list(estimator.get_feature_names_out(["image"])) == list(names)


@every_of_rows
@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output_gives_tables(estimator, lesions, container, frame):
    rows = estimator.fit_transform(lesions)
    assert estimator.set_output(transform=container) is estimator
    for images in (lesions, []):
        table = estimator.transform(images)
        assert type(table) is frame
        assert list(table.columns) == list(estimator.get_feature_names_out())
        assert len(table) == len(images)
    np.testing.assert_array_equal(estimator.transform(lesions).to_numpy(), rows)
    assert_same(clone(estimator).fit_transform(lesions), estimator.transform(lesions))
    assert_same(estimator.set_output(transform="default").transform(lesions), rows)
    with sklearn.config_context(transform_output=container):
        assert type(clone(estimator).set_output(transform="default").fit_transform(lesions)) is np.ndarray


@every
def test_global_output(estimator, lesions):
    expected = estimator.fit_transform(lesions)
    for container, frame in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        with sklearn.config_context(transform_output=container):
            result = estimator.transform(lesions)
        if makes_rows(estimator):
            assert type(result) is frame
            np.testing.assert_array_equal(result.to_numpy(), expected)
        else:
            assert_same(result, expected)


@every_of_lesions
def test_set_output_keeps_lesions(estimator, lesions):
    expected = clone(estimator).fit_transform(lesions)
    assert all(isinstance(lesion, Lesion) for lesion in expected)
    for container in ("pandas", "polars", "default", None):
        assert estimator.set_output(transform=container) is estimator
        assert_same(estimator.fit_transform(lesions), expected)


# Input


def make_read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@every
def test_lesions_are_unchanged_and_may_be_read_only(estimator, lesions, tmp_path):
    expected = estimator.fit_transform(lesions)
    frozen = [Lesion(make_read_only(x.image), make_read_only(x.mask), mm_per_pixel=x.mm_per_pixel) for x in lesions]
    assert_same(estimator.fit(frozen).transform(frozen), expected)
    joblib.dump(lesions, tmp_path / "lesions.joblib")
    mapped = joblib.load(tmp_path / "lesions.joblib", mmap_mode="r")
    assert isinstance(mapped[0].image, np.memmap)
    assert not mapped[0].image.flags.writeable
    assert_same(estimator.fit(mapped).transform(mapped), expected)
    copies = [(x.image.copy(), x.mask.copy()) for x in lesions]
    estimator.fit(lesions).transform(lesions)
    for lesion, (image, mask) in zip(lesions, copies, strict=True):
        np.testing.assert_array_equal(lesion.image, image)
        np.testing.assert_array_equal(lesion.mask, mask)


@every_of_images
def test_images_are_unchanged_and_may_be_read_only(estimator, images, tmp_path):
    stack = np.stack(images)
    expected = estimator.fit_transform(images)
    assert_same(estimator.transform(make_read_only(stack)), expected)
    np.save(tmp_path / "images.npy", stack)
    assert_same(estimator.transform(np.load(tmp_path / "images.npy", mmap_mode="r")), expected)
    estimator.fit(stack).transform(stack)
    np.testing.assert_array_equal(stack, np.stack(images))


def make_object_array(elements):
    array = np.empty(len(elements), dtype=object)
    for position, element in enumerate(elements):  # numpy would stack elements of equal shape
        array[position] = element
    return array


@every_of_images
def test_all_kinds_of_images(estimator, images, paths):
    expected = estimator.fit_transform(images)
    pil_images = [Image.fromarray(image) for image in images]
    records = [Lesion(image) for image in images]
    kinds = {
        "tuple of arrays": tuple(images),
        "object array of arrays": make_object_array(images),
        "4-D array": np.stack(images),
        "4-D array of floats": np.stack(images) / 255,
        "nested lists of floats": [(image / 255).tolist() for image in images],
        "list of paths": paths,
        "tuple of paths": tuple(paths),
        "string array of paths": np.array(paths),
        "object array of paths": make_object_array(paths),
        "pandas Series of paths": pd.Series(paths, index=[7, 3, 7]),
        "polars Series of paths": pl.Series(paths),
        "pandas Series of arrays": pd.Series(images),
        "PIL images": pil_images,
        "object array of PIL images": make_object_array(pil_images),
        "lesions": records,
        "object array of lesions": make_object_array(records),
        "mixed": [images[0], paths[1], records[2]],
    }
    for kind, X in kinds.items():
        try:
            assert_same(estimator.fit(X).transform(X), expected, sources=False)
        except Exception as error:
            error.add_note(kind)
            raise


@every_of_masks
def test_all_kinds_of_lesions(estimator, lesions):
    expected = estimator.fit_transform(lesions)
    for images in (tuple(lesions), make_object_array(lesions), pd.Series(lesions, index=list("xyzxyz"))):
        assert_same(estimator.fit(images).transform(images), expected)


@every_of_masks
def test_refuses_images_without_mask(estimator, lesions, images, paths):
    estimator.fit(lesions)
    for missing in (images[0], Lesion(images[0])):
        with pytest.raises(ValueError, match=r"X\[2\]: \w+ needs a mask, got an image without one\. Put a segmenter"):
            estimator.transform([*lesions[:2], missing])
    with pytest.raises(ValueError, match=r"X\[1\] \('.*0\.png'\): \w+ needs a mask"):
        estimator.transform([lesions[0], paths[0]])


@every
def test_refuses_other_than_sequence_of_images(estimator, paths, images):
    refused = [
        (pd.DataFrame({"path": paths}), TypeError, r"columns \['path'\]\. Pass the one column that holds the images"),
        (pl.DataFrame({"path": paths}), TypeError, r"columns \['path'\]\. Pass the one column that holds the images"),
        (paths[0], TypeError, r"the single path .* for one image, \[X\]"),
        (images[0], ValueError, r"got shape \(48, 64, 3\)\. Pass a list of images; for one image, \[X\]"),
        (Image.fromarray(images[0]), TypeError, r"got Image\. Pass a list of images; for one image, \[X\]"),
        (Lesion(images[0]), TypeError, r"got Lesion\. Pass a list of images; for one image, \[X\]"),
        (iter(images), TypeError, "must be a sequence of images, got list_iterator"),
        (None, TypeError, "must be a sequence of images, got NoneType"),
    ]
    for X, kind, message in refused:
        for method in ("fit", "transform", "fit_transform", "predict"):
            if hasattr(estimator, method):
                with pytest.raises(kind, match=message):
                    getattr(estimator, method)(X)


@every
def test_error_names_bad_element(estimator, lesions, tmp_path):
    (tmp_path / "notes.png").write_text("not an image")
    refused = [
        (
            np.zeros((4, 4, 2)),
            ValueError,
            r"^X\[4\]: image must have shape \(height, width, 3\), got \(4, 4, 2\)\. Con",
        ),
        (np.full((4, 4), np.nan), ValueError, r"^X\[4\]: image must hold finite numbers"),
        (
            np.zeros((4, 4), dtype=complex),
            TypeError,
            r"^X\[4\]: image must be of dtype uint8.*got complex128\. Convert",
        ),
        (
            np.full((4, 4), 256),
            ValueError,
            r"^X\[4\]: image of dtype int64 must hold levels in 0\.\.255, got 256\.\.256\. Con",
        ),
        (None, TypeError, r"^X\[4\]: an image must be a path, an array, a PIL image or a Lesion, got NoneType\. Con"),
        (str(tmp_path / "gone.png"), FileNotFoundError, r"^X\[4\] \('.*gone\.png'\): could not open"),
        (tmp_path / "notes.png", ValueError, r"^X\[4\] \('.*notes\.png'\): could not read .*are not a JPEG, PNG"),
    ]
    estimator.fit(lesions)
    for element, kind, message in refused:
        for method in ("transform", "predict"):
            if hasattr(estimator, method):
                with pytest.raises(kind, match=message):
                    getattr(estimator, method)([*lesions[:4], element, *lesions[4:]])


# Processes of one step


def make_process_features(**options):
    """Return a transformer whose only feature is the id of its process; workers need not import its local class."""

    class ProcessFeatures(FeatureTransformer):
        def __init__(self, *, n_jobs=None):
            self.n_jobs = n_jobs

        def _feature_names(self):
            return ["process"]

        def _measure(self, lesion, names):
            return [os.getpid()]

    return ProcessFeatures(**options)


# One step for each kind: reading, segmenting, computing features, learned features.
STEPS = [
    ImageReader(max_side=20),
    WatershedSegmenter(),
    MorphologyFeatures("survey"),
    FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=500, random_state=0),
]
every_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)


@pytest.fixture(scope="session")
def forty(make_lesion):
    """Return 40 small lesions, which are three chunks."""
    return [make_lesion(24 + i % 5, 32, center=(0.005 * i - 0.1, 0), source=f"{i}.png", seed=i) for i in range(40)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_takes_n_jobs(cls):
    parameter = inspect.signature(cls).parameters["n_jobs"]
    assert parameter.default is None
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


def test_n_jobs_uses_processes_for_many_images(forty):
    here = os.getpid()
    assert set(make_process_features().transform(forty)[:, 0]) == {here}
    assert set(make_process_features(n_jobs=2).transform(forty[:16])[:, 0]) == {here}
    workers = set(make_process_features(n_jobs=2).transform(forty)[:, 0])
    assert here not in workers
    assert 1 <= len(workers) <= 2
    with joblib.parallel_config("loky", n_jobs=2):
        assert here not in make_process_features().transform(forty)
        assert set(make_process_features(n_jobs=1).transform(forty)[:, 0]) == {here}


@every_step
def test_n_jobs_gives_same_output(step, forty):
    step = clone(step).fit(forty)
    expected = step.transform(forty)
    assert_same(step.set_params(n_jobs=2).transform(forty), expected)
    step.set_output(transform="pandas")
    assert_same(step.transform(forty), step.set_params(n_jobs=None).transform(forty))


def test_n_jobs_gives_same_masks(forty):
    alone, parallel = (WatershedSegmenter(n_jobs=n_jobs).predict(forty) for n_jobs in (None, 2))
    for mask, expected in zip(parallel, alone, strict=True):
        np.testing.assert_array_equal(mask, expected)


@every_step
@pytest.mark.parametrize("position", [0, 15, 16, 39])
def test_error_from_thread_names_position(step, forty, position):
    step = clone(step).fit(forty).set_params(n_jobs=2)
    X = [*forty[:position], np.zeros((4, 4, 2)), *forty[position + 1 :]]
    with (
        joblib.parallel_config("threading"),
        pytest.raises(ValueError, match=rf"^X\[{position}\]: image must have shape") as caught,
    ):
        step.transform(X)
    assert element_of_error(caught.value) == position


def test_error_from_process_names_position(forty):
    step = MorphologyFeatures(n_jobs=2)  # one is enough, because joblib needs seconds for new processes
    X = [*forty[:35], "gone.png", *forty[36:]]
    with pytest.raises(FileNotFoundError, match=r"^X\[35\] \('gone\.png'\): could not open") as caught:
        step.transform(X)
    assert element_of_error(caught.value) == 35


# In scikit-learn's own composites


@every
def test_in_pipeline(estimator, lesions):
    segmented = WatershedSegmenter().transform(lesions)
    pipeline = make_pipeline(WatershedSegmenter(), estimator)
    assert_same(pipeline.fit_transform(lesions), estimator.transform(segmented))
    assert list(pipeline.get_feature_names_out()) == list(estimator.get_feature_names_out())
    pipeline.set_output(transform="pandas")
    assert_same(pipeline.fit(lesions).transform(lesions), estimator.transform(segmented))
    assert type(estimator).__name__ in pipeline._repr_html_()


@every_of_rows
def test_in_feature_union(estimator, lesions):
    rows = estimator.fit_transform(lesions)
    union = FeatureUnion([("one", estimator), ("two", clone(estimator))])
    np.testing.assert_array_equal(union.fit_transform(lesions), np.hstack([rows, rows]))
    table = union.set_output(transform="pandas").fit_transform(lesions)
    names = estimator.get_feature_names_out()
    assert list(table.columns) == [f"{part}__{name}" for part in ("one", "two") for name in names]


@every
def test_in_grid_search(estimator, lesions):
    features = [] if makes_rows(estimator) else [("segment", WatershedSegmenter()), ("rows", MorphologyFeatures())]
    if isinstance(estimator, (*LEARNERS, SegmenterSelector)):  # y holds diagnoses here, not masks
        estimator = FrozenEstimator(estimator.fit(lesions))
    model = Pipeline(
        [
            ("step", estimator),
            *features,
            ("impute", SimpleImputer()),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression()),
        ]
    )
    diagnosis = ["nevus", "melanoma", "nevus", "nevus", "melanoma", "melanoma"]
    search = GridSearchCV(
        model,
        {"classify__C": [0.01, 10], "step": [estimator]},
        cv=StratifiedKFold(2),
        scoring="neg_log_loss",
        error_score="raise",
        n_jobs=2,
    )
    parallel = search.fit(lesions, diagnosis)
    alone = clone(search).set_params(n_jobs=None).fit(lesions, diagnosis)
    np.testing.assert_array_equal(parallel.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert set(parallel.predict(lesions)) <= {"nevus", "melanoma"}


@pytest.mark.parametrize("n_jobs", [0, "2", 2.5])
@every
def test_wrong_n_jobs_raises(estimator, n_jobs, lesions):
    with pytest.raises(ValueError, match=f"'n_jobs' parameter of {type(estimator).__name__} must be an int"):
        clone(estimator).set_params(n_jobs=n_jobs).fit(lesions)


def test_stages_are_attributes_of_the_package():
    public = {module.name for module in pkgutil.iter_modules(sklearn_melanoma.__path__) if module.name[0] != "_"}
    assert {name for name in dir(sklearn_melanoma) if inspect.ismodule(getattr(sklearn_melanoma, name))} == public - {
        "cli"
    }
    with pytest.raises(AttributeError, match="No sklearn_melanoma attribute featurs"):
        sklearn_melanoma.featurs  # noqa: B018
