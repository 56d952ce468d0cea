"""Tests of the progress that estimators report to scikit-learn's callbacks."""

import importlib.util
import pickle
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_melanoma import _callbacks, _sklearn_compat, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.experimental import AugmentedClassifier, InvariantProjection
from sklearn_melanoma.features import ColorFeatures, FisherVectorEncoder, MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.metrics import make_mask_scorer, mask_jaccard
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._memory.keys import digest_steps
from sklearn_melanoma.preprocessing import ColorNormalizer, HairRemover
from sklearn_melanoma.segmentation import CRFRefiner, PixelClassifierSegmenter, SegmenterSelector, WatershedSegmenter
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    PriorLogisticRegression,
)

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
    from sklearn.callback._progressbar import RichProgressMonitor
except ImportError:
    ProgressBar = None

since_callbacks = pytest.mark.skipif(ProgressBar is None, reason="scikit-learn has callbacks from 1.9 on")
on_one_and_two = pytest.mark.parametrize("n_jobs", [1, 2])


class Recorder:
    """A callback that writes all events to a file, from any process."""

    max_propagation_depth = None

    def __init__(self, folder, stop=False):
        self.file = Path(folder) / "events"
        self.file.touch()
        self.stop = stop

    def _write(self, kind, estimator, context):
        place = context
        path = [place.task_id]
        while place.parent is not None:
            place = place.parent
            path.insert(0, place.task_id)
        with open(self.file, "a") as file:
            file.write(f"{kind} {type(estimator).__name__} {context.task_name} {'.'.join(map(str, path))}\n")

    def setup(self, estimator, context):
        self._write("setup", estimator, context)

    def on_fit_task_begin(self, estimator, context):
        self._write("begin", estimator, context)

    def on_fit_task_end(self, estimator, context):
        self._write("end", estimator, context)
        return self.stop

    def teardown(self, estimator, context):
        self._write("teardown", estimator, context)

    def events(self):
        return [line.rsplit(" ", 1)[0] for line in self.file.read_text().splitlines()]

    def count(self, line):
        return self.events().count(line)

    def find_unpaired(self):
        """Return tasks that began and did not end, or ended and did not begin."""
        lines = [line.split(" ", 1) for line in self.file.read_text().splitlines()]
        begun, ended = (Counter(task for kind, task in lines if kind == wanted) for wanted in ("begin", "end"))
        return (begun - ended) + (ended - begun)


class Scale(TransformerMixin, BaseEstimator):
    """A step that does not support callbacks."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class Interrupt(Scale):
    """A step that raises KeyboardInterrupt."""

    __sklearn_tags__ = ImageReader.__sklearn_tags__

    def transform(self, X):
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def data():
    return make_lesions(10, melanoma_fraction=0.5, image_size=(48, 64), random_state=0)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


def make_feature_pipeline(*between, **options):
    steps = [("read", ImageReader()), *between, ("segment", WatershedSegmenter())]
    return ImagePipeline([*steps, ("measure", MorphologyFeatures("survey"))], **{"batch_size": 4} | options)


def expect_events(name, *parts, estimator="ImagePipeline"):
    """Return the events of one fit with parts of the same estimator."""
    inner = [f"{kind} {estimator} {part}" for part in parts for kind in ("begin", "end")]
    before, after = (f"{kind} {estimator} {name}" for kind in ("begin", "end"))
    return [f"setup {estimator} {name}", before, *inner, after, f"teardown {estimator} {name}"]


# The image pipeline alone


@since_callbacks
@on_one_and_two
def test_reports_each_batch_in_order(data, recorder, n_jobs):
    rows = make_feature_pipeline(n_jobs=n_jobs).set_callbacks(recorder).fit_transform(data.images)
    assert recorder.events() == expect_events("fit-transform", "batch", "batch", "batch")
    np.testing.assert_array_equal(rows, make_feature_pipeline().fit(data.images).transform(data.images))


@since_callbacks
def test_reports_only_fit(data, recorder):
    pipeline = make_feature_pipeline().set_callbacks(recorder).fit(data.images)
    assert recorder.events() == expect_events("fit")
    pipeline.transform(data.images)
    assert recorder.events() == expect_events("fit")


@since_callbacks
def test_no_image_is_no_batch(recorder):
    assert make_feature_pipeline().set_callbacks(recorder).fit_transform([]).shape == (0, 3)
    assert recorder.events() == expect_events("fit-transform")


@since_callbacks
def test_learning_steps_report_their_parts(data, recorder):
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=500, random_state=0)
    frozen = FrozenEstimator(PixelClassifierSegmenter(random_state=0).fit(data.images, data.masks))
    pipeline = ImagePipeline([("segment", frozen), ("encode", encoder)], batch_size=5).set_callbacks(recorder)
    rows = pipeline.fit_transform(data.images)
    inner = expect_events("fit", "images", "learn", estimator="FisherVectorEncoder")[1:-1]
    outer = expect_events("fit-transform", "batch", "batch")
    assert recorder.events() == [*outer[:2], *inner, *outer[2:]]
    np.testing.assert_array_equal(rows, clone(pipeline).set_callbacks().fit(data.images).transform(data.images))


@since_callbacks
def test_step_without_callbacks_is_one_part(data, recorder):
    make_feature_pipeline(("own", Scale())).set_callbacks(recorder).fit(data.images)
    assert recorder.events() == expect_events("fit", "fit-own")


@since_callbacks
def test_callback_does_not_stop_fit(data, tmp_path):
    recorder = Recorder(tmp_path, stop=True)
    assert make_feature_pipeline().set_callbacks(recorder).fit_transform(data.images).shape == (10, 3)
    assert recorder.count("end ImagePipeline batch") == 3


@since_callbacks
@on_one_and_two
def test_all_tasks_end_after_failing_image(data, recorder, n_jobs):
    images = [*data.images[:5], "gone.jpg", *data.images[5:]]
    pipeline = make_feature_pipeline(n_jobs=n_jobs).set_callbacks(recorder)
    with parallel_config("threading"), pytest.raises(OSError, match=r"X\[5\] \('gone.jpg'\)"):
        pipeline.fit_transform(images)
    # With several workers, the first error ends the work, even if the previous batch is not finished.
    n_begun = recorder.count("begin ImagePipeline batch")
    assert n_begun == 2 if n_jobs == 1 else 1 <= n_begun <= 2
    assert recorder.events() == expect_events("fit-transform", *["batch"] * n_begun)
    assert not [name for name in vars(pipeline) if "callback" in name and name != "_skl_callbacks"]


@since_callbacks
def test_reports_batches_with_skipped_images(data, recorder):
    images = [*data.images[:5], "gone.jpg", *data.images[5:]]
    with pytest.warns(UserWarning, match="Skipped 1 of 11"):
        make_feature_pipeline(on_error="skip").set_callbacks(recorder).fit_transform(images)
    assert recorder.events() == expect_events("fit-transform", "batch", "batch", "batch")


@since_callbacks
@pytest.mark.parametrize("moment", ["setup", "on_fit_task_begin", "on_fit_task_end", "teardown"])
def test_failing_callback_is_torn_down(data, tmp_path, moment):
    class Failing(Recorder):
        pass

    def fail(self, estimator, context):
        getattr(Recorder, moment)(self, estimator, context)
        raise RuntimeError(f"failed at {moment}")

    setattr(Failing, moment, fail)
    recorder = Failing(tmp_path)
    with pytest.raises(RuntimeError, match=f"failed at {moment}"):
        make_feature_pipeline().set_callbacks(recorder).fit_transform(data.images)
    kinds = Counter(line.split()[0] for line in recorder.events())
    assert kinds["setup"] == kinds["teardown"] == 1


# Cached rows


@since_callbacks
def test_reports_batches_of_cached_rows(data, recorder, tmp_path):
    class Counting(Scale):
        n_seen = 0

        def transform(self, X):
            Counting.n_seen += len(X)
            return X

    pipeline = make_feature_pipeline(("count", Counting()), memory=tmp_path / "rows")
    pipeline.fit_transform(data.images[:7])
    pipeline.set_callbacks(recorder)
    for n_seen in (10, 10):
        recorder.file.write_text("")
        assert len(pipeline.fit_transform(data.images)) == 10
        assert Counting.n_seen == n_seen
        assert recorder.events() == expect_events("fit-transform", "fit-count", "batch", "batch", "batch")


@since_callbacks
def test_reports_batches_once_if_rows_are_not_cached(data, recorder, tmp_path):
    class Unkept(Scale):
        def __init__(self):
            self.lock = threading.Lock()  # a lock can't be pickled

    pipeline = ImagePipeline(
        [*make_feature_pipeline().steps, ("own", Unkept())], batch_size=4, memory=tmp_path / "rows"
    )
    with pytest.warns(UserWarning, match=r"memory=.* could not be used.*lock"):
        pipeline.set_callbacks(recorder).fit_transform(data.images)
    assert recorder.events() == expect_events("fit-transform", "fit-own", "batch", "batch", "batch")


@since_callbacks
def test_callbacks_do_not_change_cache_keys(recorder):
    steps = [FisherVectorEncoder(n_gaussians=2), MorphologyFeatures()]
    before = digest_steps(steps)
    for step in steps:
        step.set_callbacks(recorder)
        step._parent_callback_ctx = object()  # as within a fit
    assert digest_steps(steps) == before


# In scikit-learn's pipelines and searches


@since_callbacks
@on_one_and_two
def test_reports_batches_in_pipeline(data, recorder, n_jobs):
    model = make_melanoma_pipeline("survey", LogisticRegression(), n_jobs=n_jobs)
    model.set_params(features__batch_size=4, impute="passthrough").set_callbacks(recorder)
    model.fit(data.images, data.target)
    inner = expect_events("fit-transform", "batch", "batch", "batch")[1:-1]
    assert recorder.events()[:9] == ["setup MelanomaPipeline fit", "begin MelanomaPipeline fit", *inner[:7]]
    assert not recorder.find_unpaired()
    expected = clone(model).set_callbacks().fit(data.images, data.target).predict_proba(data.images)
    np.testing.assert_array_equal(model.predict_proba(data.images), expected)


@since_callbacks
@on_one_and_two
@pytest.mark.parametrize("memory", [None, "rows"])
def test_reports_batches_in_search(data, recorder, tmp_path, memory, n_jobs):
    memory = memory and tmp_path / memory
    model = make_melanoma_pipeline("survey", LogisticRegression(), memory=memory)
    model.set_params(features__batch_size=4, impute="passthrough")
    search = GridSearchCV(
        model, {"features__segment__margin": [0, 0.01]}, cv=2, n_jobs=n_jobs, error_score="raise", scoring="roc_auc"
    )
    without = clone(search).set_params(estimator__features__memory=None)
    expected = without.fit(data.images, data.target).cv_results_["mean_test_score"]
    search.set_callbacks(recorder).fit(data.images, data.target)
    # Two candidates in two folds of five images, which are two batches. Then the best one on ten images, which are
    # three.
    assert recorder.count("begin ImagePipeline fit-transform") == 5
    assert recorder.count("begin ImagePipeline batch") == 2 * 2 * 2 + 3
    assert not recorder.find_unpaired()
    assert recorder.count("setup GridSearchCV fit") == recorder.count("teardown GridSearchCV fit") == 1
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


@since_callbacks
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_search_continues_after_failing_image(data, recorder):
    images = [*data.images[:9], "gone.jpg"]
    model = make_pipeline(make_feature_pipeline(), LogisticRegression())
    search = GridSearchCV(model, {"logisticregression__C": [1, 2]}, cv=2, scoring=lambda *_: 0.0, refit=False)
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        search.set_callbacks(recorder).fit(images, data.target)
    assert recorder.count("begin ImagePipeline fit-transform") == 4
    # In scikit-learn, a Pipeline with a failed step does not report its end.
    assert {task.split()[0] for task in recorder.find_unpaired()} == {"Pipeline"}


@since_callbacks
def test_progress_bar_shows_batches(data, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # room for the names of all steps
    monkeypatch.setattr("rich._console", None)  # rich reads the width once, and an earlier test may have shown a bar
    bar = ProgressBar(max_propagation_depth=None)
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(impute="passthrough")
    search = GridSearchCV(model, {"classify__estimator__C": [0.1, 1]}, cv=2, n_jobs=2).set_callbacks(bar)
    search.fit(data.images, data.target)
    lines = [line for line in capsys.readouterr().out.splitlines() if "ImagePipeline - fit-transform" in line]
    assert len(lines) == 5
    assert all("100%" in line for line in lines)


@since_callbacks
def test_scikit_learn_does_not_warn_of_our_steps(data):
    model = make_melanoma_pipeline().set_callbacks(ProgressBar(max_propagation_depth=None))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(data.images, data.target)
    warned = {str(w.message).split()[2] for w in caught if "does not support callbacks" in str(w.message)}
    assert warned <= {"SimpleImputer", "QuantileTransformer"}


# Interrupted fits


@since_callbacks
@on_one_and_two
def test_interrupted_fit_leaves_no_progress_bar(data, recorder, capsys, n_jobs):
    steps = [("read", ImageReader()), ("stop", Interrupt())]
    pipeline = Pipeline([("features", ImagePipeline(steps, batch_size=4, n_jobs=n_jobs)), ("classify", Scale())])
    pipeline.set_callbacks(ProgressBar(), recorder)
    with pytest.raises(KeyboardInterrupt):
        pipeline.fit(data.images)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, RichProgressMonitor)]
    assert recorder.count("begin ImagePipeline batch") == recorder.count("end ImagePipeline batch") == 1
    assert recorder.count("teardown Pipeline fit") == 1


# Copies


@since_callbacks
def test_clone_and_pickle_keep_callbacks(data, recorder):
    pipeline = make_feature_pipeline().set_callbacks(recorder)
    for copy in (clone(pipeline), pickle.loads(pickle.dumps(pipeline))):
        recorder.file.write_text("")
        copy.fit_transform(data.images)
        assert recorder.events() == expect_events("fit-transform", "batch", "batch", "batch")
    assert vars(pipeline.set_callbacks()).keys() == pipeline.get_params(deep=False).keys()


# Other estimators


def keep_masks(n_masks):
    return lambda data: (data.images, [*data.masks[:n_masks], *[None] * (10 - n_masks)])


def get_lesions(data):
    return WatershedSegmenter().transform(data.images * 2), None


def get_labels(data):
    return data.images, data.target


def get_table(data):
    rows = make_feature_pipeline().fit_transform(data.images)
    return pd.DataFrame(StandardScaler().fit_transform(rows), columns=["a", "b", "c"]), data.target


TREES = ExtraTreesClassifier(5, random_state=0)
SEGMENTERS = [("blue", WatershedSegmenter()), ("green", WatershedSegmenter(channel="green"))]
RANKER = ExtraTreesRegressor(5, random_state=0)
ALONE = [
    (
        FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=500, random_state=0),
        get_lesions,
        ["images", "images", "learn"],
    ),
    (
        InvariantProjection(MorphologyFeatures(), n_components=3, random_state=0),
        get_lesions,
        ["images", "images", "learn"],
    ),
    (
        PixelClassifierSegmenter(estimator=TREES, random_state=0),
        keep_masks(6),
        [*["image"] * 6, *["fold"] * 5, "learn"],
    ),
    (PixelClassifierSegmenter(estimator=TREES, random_state=0), keep_masks(1), ["image", "learn"]),
    (SegmenterSelector(SEGMENTERS, random_state=0), keep_masks(4), []),
    (
        SegmenterSelector(SEGMENTERS, ranker=RANKER, random_state=0),
        keep_masks(6),
        ["read", "find-blue", "find-green", *["fold"] * 5, "learn"],
    ),
    *((step, get_lesions, []) for step in (ImageReader(), HairRemover(), ColorNormalizer(), WatershedSegmenter())),
    *((step, get_lesions, []) for step in (CRFRefiner(), ColorFeatures())),
    (PriorLogisticRegression({"a": 1}), get_table, []),
    (BalancedSelfTrainingClassifier(LogisticRegression()), get_table, []),
    (CoTrainingClassifier(LogisticRegression(), views={"one": ["a"], "two": ["b", "c"]}), get_table, []),
]


@since_callbacks
@pytest.mark.parametrize(("estimator", "get_training_data", "parts"), ALONE, ids=lambda value: type(value).__name__)
def test_parts_of_estimators(data, recorder, estimator, get_training_data, parts):
    X, y = get_training_data(data)
    estimator = clone(estimator).set_callbacks(recorder)
    assert estimator.fit(X, y) is estimator
    assert recorder.events() == expect_events("fit", *parts, estimator=type(estimator).__name__)
    assert not [name for name in vars(estimator) if "callback" in name and name != "_skl_callbacks"]


@since_callbacks
def test_selector_passes_callbacks_to_learning_segmenters(data, recorder):
    learner = PixelClassifierSegmenter(estimator=TREES, n_pixels=50, random_state=0)
    SegmenterSelector([*SEGMENTERS, ("pixels", learner)], random_state=0).set_callbacks(recorder).fit(
        *keep_masks(4)(data)
    )
    inner = expect_events("fit", *["image"] * 4, *["fold"] * 4, "learn", estimator="PixelClassifierSegmenter")[1:-1]
    outer = expect_events("fit", estimator="SegmenterSelector")
    assert recorder.events() == [*outer[:2], *inner, *outer[2:]]


@since_callbacks
def test_augmented_classifier_passes_callbacks_on(data, recorder):
    pipeline = make_pipeline(make_feature_pipeline(), LogisticRegression())
    AugmentedClassifier(pipeline, n_augmentations=1, random_state=0).set_callbacks(recorder).fit(*get_labels(data))
    batches = expect_events("fit-transform", "batch", "batch", "batch")[1:-1]
    copies = [f"{kind} AugmentedClassifier transform-copies" for kind in ("begin", "end")]
    classifier = [f"{kind} LogisticRegression fit" for kind in ("begin", "end")]
    outer, head = (expect_events(name) for name in ("fit", "fit-transform"))
    outer = [line.replace("ImagePipeline", "AugmentedClassifier") for line in outer]
    head = [line.replace("ImagePipeline", "Pipeline") for line in head][1:-1]
    events = [line for line in recorder.events() if "lbfgs" not in line]
    assert events == [*outer[:2], head[0], *batches, head[1], *copies, *classifier, *outer[2:]]


@since_callbacks
@pytest.mark.parametrize(
    ("model", "get_training_data"),
    [
        (PriorLogisticRegression({"a": 1}), get_table),
        (
            AugmentedClassifier(
                make_pipeline(make_feature_pipeline(), LogisticRegression()), n_augmentations=1, random_state=0
            ),
            get_labels,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_classifier_is_fitted_when_fit_ends(data, model, get_training_data):
    X, target = get_training_data(data)
    monitor = ScoringMonitor(scoring="roc_auc")
    model = clone(model).set_callbacks(monitor).fit(X, target)
    (entry,) = monitor.get_logs().data
    assert entry["roc_auc"] == pytest.approx(roc_auc_score(target, model.predict_proba(X)[:, 1]))


@since_callbacks
def test_selector_is_fitted_when_fit_ends(data):
    monitor = ScoringMonitor(scoring={"score": make_mask_scorer(mask_jaccard)})
    selector = (
        SegmenterSelector(SEGMENTERS, ranker=RANKER, random_state=0).set_callbacks(monitor).fit(data.images, data.masks)
    )
    (entry,) = monitor.get_logs().data
    assert entry["score"] == pytest.approx(selector.score(data.images, data.masks))


# Without callbacks


def test_without_callbacks_in_scikit_learn(monkeypatch, data):
    def reload(module):
        specification = importlib.util.spec_from_file_location(module.__name__, module.__file__)
        loaded = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(loaded)
        monkeypatch.setitem(sys.modules, module.__name__, loaded)
        return loaded

    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    compat, callbacks = (reload(module) for module in (_sklearn_compat, _callbacks))

    class Old(compat.CallbackSupportMixin, BaseEstimator):
        @callbacks.one_task
        def fit(self, X, y=None):
            with callbacks.FitTask(self, X, y, 3) as task:
                countdown = callbacks.Countdown(task, "batch", 2, 1)
                countdown(1)
                with task.fitting("fit-step", Scale()):
                    self.fitted_ = True
            return self

    old = Old()
    assert old.fit(data.images) is old
    assert vars(old) == {"fitted_": True}
    assert not hasattr(old, "set_callbacks")
    assert compat.with_callbacks(len) is len


@since_callbacks
def test_keeps_no_parts_without_callbacks(data):
    with _callbacks.FitTask(make_feature_pipeline(), data.images, None, 3) as task:
        _callbacks.Countdown(task, "batch", 3, 1)(0)
        assert len(list(task._context)) == 1


@since_callbacks
@pytest.mark.parametrize(
    "package", ["experimental", "features", "images", "pipeline", "preprocessing", "segmentation", "semi_supervised"]
)
def test_every_estimator_takes_callbacks(package):
    package = importlib.import_module(f"sklearn_melanoma.{package}")
    things = [getattr(package, name) for name in package.__all__]
    estimators = [thing for thing in things if isinstance(thing, type) and issubclass(thing, BaseEstimator)]
    assert estimators
    for estimator in estimators:
        assert hasattr(estimator, "set_callbacks"), estimator
        assert hasattr(estimator.fit, "__wrapped__"), f"{estimator}: decorate fit with one_task or with_callbacks"
