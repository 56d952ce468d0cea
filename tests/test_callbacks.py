"""Tests of what scikit-learn's callbacks hear while something is fitted."""

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
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_melanoma import _callbacks, _sklearn_compat, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.experimental import AugmentedClassifier, InvariantProjection
from sklearn_melanoma.features import ColorFeatures, MorphologyFeatures, PatchEncoder
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
    """A callback that writes down what it hears, in a file: from whatever process."""

    max_propagation_depth = None

    def __init__(self, folder, stop=False):
        self.file = Path(folder) / "heard"
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

    def heard(self):
        return [line.rsplit(" ", 1)[0] for line in self.file.read_text().splitlines()]

    def count(self, line):
        return self.heard().count(line)

    def unpaired(self):
        """Return what began and did not end once, or ended and did not begin."""
        lines = [line.split(" ", 1) for line in self.file.read_text().splitlines()]
        begun, ended = (Counter(what for kind, what in lines if kind == wanted) for wanted in ("begin", "end"))
        return (begun - ended) + (ended - begun)


class Scale(TransformerMixin, BaseEstimator):
    """A step that knows nothing of callbacks."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class Interrupt(Scale):
    """A step that is interrupted, as by the keyboard."""

    __sklearn_tags__ = ImageReader.__sklearn_tags__

    def transform(self, X):
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def photos():
    return make_lesions(10, melanoma_fraction=0.5, image_size=(48, 64), random_state=0)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


def measure(*between, **options):
    steps = [("read", ImageReader()), *between, ("segment", WatershedSegmenter())]
    return ImagePipeline([*steps, ("measure", MorphologyFeatures("survey"))], **{"batch_size": 4} | options)


def told(name, *parts, estimator="ImagePipeline"):
    """Return all that is heard of one fit with parts that no other estimator tells of."""
    inner = [f"{kind} {estimator} {part}" for part in parts for kind in ("begin", "end")]
    before, after = (f"{kind} {estimator} {name}" for kind in ("begin", "end"))
    return [f"setup {estimator} {name}", before, *inner, after, f"teardown {estimator} {name}"]


# The image pipeline alone


@since_callbacks
@on_one_and_two
def test_each_batch_begins_and_ends_in_order(photos, recorder, n_jobs):
    rows = measure(n_jobs=n_jobs).set_callbacks(recorder).fit_transform(photos.images)
    assert recorder.heard() == told("fit-transform", "batch", "batch", "batch")
    np.testing.assert_array_equal(rows, measure().fit(photos.images).transform(photos.images))


@since_callbacks
def test_only_fit_is_heard_of(photos, recorder):
    pipeline = measure().set_callbacks(recorder).fit(photos.images)
    assert recorder.heard() == told("fit")
    pipeline.transform(photos.images)
    assert recorder.heard() == told("fit")


@since_callbacks
def test_no_photo_is_no_batch(recorder):
    assert measure().set_callbacks(recorder).fit_transform([]).shape == (0, 3)
    assert recorder.heard() == told("fit-transform")


@since_callbacks
def test_steps_that_learn_tell_of_their_own_parts(photos, recorder):
    encoder = PatchEncoder(n_codes=4, n_patches=500, random_state=0)
    frozen = FrozenEstimator(PixelClassifierSegmenter(random_state=0).fit(photos.images, photos.masks))
    pipeline = ImagePipeline([("segment", frozen), ("encode", encoder)], batch_size=5).set_callbacks(recorder)
    rows = pipeline.fit_transform(photos.images)
    inner = told("fit", "images", "learn", estimator="PatchEncoder")[1:-1]
    outer = told("fit-transform", "batch", "batch")
    assert recorder.heard() == [*outer[:2], *inner, *outer[2:]]
    np.testing.assert_array_equal(rows, clone(pipeline).set_callbacks().fit(photos.images).transform(photos.images))


@since_callbacks
def test_a_step_without_callbacks_is_one_part(photos, recorder):
    measure(("own", Scale())).set_callbacks(recorder).fit(photos.images)
    assert recorder.heard() == told("fit", "fit-own")


@since_callbacks
def test_a_callback_does_not_stop_it(photos, tmp_path):
    recorder = Recorder(tmp_path, stop=True)
    assert measure().set_callbacks(recorder).fit_transform(photos.images).shape == (10, 3)
    assert recorder.count("end ImagePipeline batch") == 3


@since_callbacks
@on_one_and_two
def test_what_begins_also_ends_where_a_photo_fails(photos, recorder, n_jobs):
    images = [*photos.images[:5], "gone.jpg", *photos.images[5:]]
    pipeline = measure(n_jobs=n_jobs).set_callbacks(recorder)
    with pytest.raises(OSError, match=r"X\[5\] \('gone.jpg'\)"):
        pipeline.fit_transform(images)
    # Of several workers, the first error ends the work, whether the batch before is done or not.
    n_begun = recorder.count("begin ImagePipeline batch")
    assert n_begun == 2 if n_jobs == 1 else 1 <= n_begun <= 2
    assert recorder.heard() == told("fit-transform", *["batch"] * n_begun)
    assert not [name for name in vars(pipeline) if "callback" in name and name != "_skl_callbacks"]


@since_callbacks
def test_batches_with_skipped_photos_are_batches(photos, recorder):
    images = [*photos.images[:5], "gone.jpg", *photos.images[5:]]
    with pytest.warns(UserWarning, match="Skipped 1 of 11"):
        measure(on_error="skip").set_callbacks(recorder).fit_transform(images)
    assert recorder.heard() == told("fit-transform", "batch", "batch", "batch")


@since_callbacks
@pytest.mark.parametrize("moment", ["setup", "on_fit_task_begin", "on_fit_task_end", "teardown"])
def test_a_callback_that_fails_is_torn_down(photos, tmp_path, moment):
    class Failing(Recorder):
        pass

    def fail(self, estimator, context):
        getattr(Recorder, moment)(self, estimator, context)
        raise RuntimeError(f"failed at {moment}")

    setattr(Failing, moment, fail)
    recorder = Failing(tmp_path)
    with pytest.raises(RuntimeError, match=f"failed at {moment}"):
        measure().set_callbacks(recorder).fit_transform(photos.images)
    kinds = Counter(line.split()[0] for line in recorder.heard())
    assert kinds["setup"] == kinds["teardown"] == 1


# Rows that are kept


@since_callbacks
def test_photos_that_are_known_are_done_at_once(photos, recorder, tmp_path):
    class Counting(Scale):
        n_seen = 0

        def transform(self, X):
            Counting.n_seen += len(X)
            return X

    pipeline = measure(("count", Counting()), memory=tmp_path / "rows")
    pipeline.fit_transform(photos.images[:7])
    pipeline.set_callbacks(recorder)
    for n_seen in (10, 10):
        recorder.file.write_text("")
        assert len(pipeline.fit_transform(photos.images)) == 10
        assert Counting.n_seen == n_seen
        assert recorder.heard() == told("fit-transform", "fit-count", "batch", "batch", "batch")


@since_callbacks
def test_rows_that_could_not_be_kept_are_told_of_once(photos, recorder, tmp_path):
    class Unkept(Scale):
        def __init__(self):
            self.lock = threading.Lock()  # can't be pickled

    pipeline = ImagePipeline([*measure().steps, ("own", Unkept())], batch_size=4, memory=tmp_path / "rows")
    with pytest.warns(UserWarning, match="can't be told from others"):
        pipeline.set_callbacks(recorder).fit_transform(photos.images)
    assert recorder.heard() == told("fit-transform", "fit-own", "batch", "batch", "batch")


@since_callbacks
def test_rows_are_known_whatever_callbacks_hear(recorder):
    steps = [PatchEncoder(n_codes=4), MorphologyFeatures()]
    before = digest_steps(steps)
    for step in steps:
        step.set_callbacks(recorder)
        step._parent_callback_ctx = object()  # as within a fit
    assert digest_steps(steps) == before


# In scikit-learn's pipelines and searches


@since_callbacks
@on_one_and_two
def test_batches_are_heard_of_within_a_pipeline(photos, recorder, n_jobs):
    model = make_melanoma_pipeline("survey", LogisticRegression(), n_jobs=n_jobs)
    model.set_params(features__batch_size=4, impute="passthrough").set_callbacks(recorder)
    model.fit(photos.images, photos.target)
    inner = told("fit-transform", "batch", "batch", "batch")[1:-1]
    assert recorder.heard()[:9] == ["setup Pipeline fit", "begin Pipeline fit", *inner[:7]]
    assert not recorder.unpaired()
    expected = clone(model).set_callbacks().fit(photos.images, photos.target).predict_proba(photos.images)
    np.testing.assert_array_equal(model.predict_proba(photos.images), expected)


@since_callbacks
@on_one_and_two
@pytest.mark.parametrize("memory", [None, "rows"])
def test_batches_are_heard_of_within_a_search(photos, recorder, tmp_path, memory, n_jobs):
    memory = memory and tmp_path / memory
    model = make_melanoma_pipeline("survey", LogisticRegression(), memory=memory)
    model.set_params(features__batch_size=4, impute="passthrough")
    search = GridSearchCV(
        model, {"features__segment__margin": [0, 0.01]}, cv=2, n_jobs=n_jobs, error_score="raise", scoring="roc_auc"
    )
    without = clone(search).set_params(estimator__features__memory=None)
    expected = without.fit(photos.images, photos.target).cv_results_["mean_test_score"]
    search.set_callbacks(recorder).fit(photos.images, photos.target)
    # Two candidates in two folds of five images each, which are two batches; the best one on all ten, which are three.
    assert recorder.count("begin ImagePipeline fit-transform") == 5
    assert recorder.count("begin ImagePipeline batch") == 2 * 2 * 2 + 3
    assert not recorder.unpaired()
    assert recorder.count("setup GridSearchCV fit") == recorder.count("teardown GridSearchCV fit") == 1
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


@since_callbacks
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_search_goes_on_where_a_photo_fails(photos, recorder):
    images = [*photos.images[:9], "gone.jpg"]
    model = make_pipeline(measure(), LogisticRegression())
    search = GridSearchCV(model, {"logisticregression__C": [1, 2]}, cv=2, scoring=lambda *_: 0.0, refit=False)
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        search.set_callbacks(recorder).fit(images, photos.target)
    assert recorder.count("begin ImagePipeline fit-transform") == 4
    # The Pipeline around an image pipeline that failed ends nothing, as scikit-learn has it.
    assert {what.split()[0] for what in recorder.unpaired()} == {"Pipeline"}


@since_callbacks
def test_the_bar_of_scikit_learn_shows_the_batches(photos, capsys):
    bar = ProgressBar(max_propagation_depth=None)
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(impute="passthrough")
    search = GridSearchCV(model, {"classify__C": [0.1, 1]}, cv=2, n_jobs=2).set_callbacks(bar)
    search.fit(photos.images, photos.target)
    lines = [line for line in capsys.readouterr().out.splitlines() if "ImagePipeline - fit-transform" in line]
    assert len(lines) == 5
    assert all("100%" in line for line in lines)


@since_callbacks
def test_no_step_of_ours_is_complained_of(photos):
    model = make_melanoma_pipeline().set_callbacks(ProgressBar(max_propagation_depth=None))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(photos.images, photos.target)
    complained = {str(w.message).split()[2] for w in caught if "does not support callbacks" in str(w.message)}
    assert complained <= {"SimpleImputer", "QuantileTransformer"}


# What is interrupted


@since_callbacks
@on_one_and_two
def test_an_interrupted_fit_leaves_no_bar(photos, recorder, capsys, n_jobs):
    steps = [("read", ImageReader()), ("stop", Interrupt())]
    pipeline = Pipeline([("features", ImagePipeline(steps, batch_size=4, n_jobs=n_jobs)), ("classify", Scale())])
    pipeline.set_callbacks(ProgressBar(), recorder)
    with pytest.raises(KeyboardInterrupt):
        pipeline.fit(photos.images)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, RichProgressMonitor)]
    assert recorder.count("begin ImagePipeline batch") == recorder.count("end ImagePipeline batch") == 1
    assert recorder.count("teardown Pipeline fit") == 1


# Objects that carry callbacks


@since_callbacks
def test_clone_and_pickle_carry_callbacks(photos, recorder):
    pipeline = measure().set_callbacks(recorder)
    for copy in (clone(pipeline), pickle.loads(pickle.dumps(pipeline))):
        recorder.file.write_text("")
        copy.fit_transform(photos.images)
        assert recorder.heard() == told("fit-transform", "batch", "batch", "batch")
    assert vars(pipeline.set_callbacks()).keys() == pipeline.get_params(deep=False).keys()


# Other work that takes long


def pairs(n_masks):
    return lambda photos: (photos.images, [*photos.masks[:n_masks], *[None] * (10 - n_masks)])


def lesions(photos):
    return WatershedSegmenter().transform(photos.images * 2), None


def labels(photos):
    return photos.images, photos.target


def table(photos):
    rows = measure().fit_transform(photos.images)
    return pd.DataFrame(rows, columns=["a", "b", "c"]), photos.target


TREES = ExtraTreesClassifier(5, random_state=0)
WAYS = [("blue", WatershedSegmenter()), ("green", WatershedSegmenter(channel="green"))]
RANKER = ExtraTreesRegressor(5, random_state=0)
ALONE = [
    (PatchEncoder(n_codes=4, n_patches=500, random_state=0), lesions, ["images", "images", "learn"]),
    (
        InvariantProjection(MorphologyFeatures(), n_components=3, random_state=0),
        lesions,
        ["images", "images", "learn"],
    ),
    (PixelClassifierSegmenter(estimator=TREES, random_state=0), pairs(6), [*["image"] * 6, *["fold"] * 5, "learn"]),
    (PixelClassifierSegmenter(estimator=TREES, random_state=0), pairs(1), ["image", "learn"]),
    (SegmenterSelector(WAYS, random_state=0), pairs(4), []),
    (
        SegmenterSelector(WAYS, ranker=RANKER, random_state=0),
        pairs(6),
        ["read", "find-blue", "find-green", *["fold"] * 5, "learn"],
    ),
    *((step, lesions, []) for step in (ImageReader(), HairRemover(), ColorNormalizer(), WatershedSegmenter())),
    *((step, lesions, []) for step in (CRFRefiner(), ColorFeatures())),
    (PriorLogisticRegression({"a": 1}), table, []),
    (BalancedSelfTrainingClassifier(LogisticRegression()), table, []),
    (CoTrainingClassifier(LogisticRegression(), views={"one": ["a"], "two": ["b", "c"]}), table, []),
]


@since_callbacks
@pytest.mark.parametrize(("estimator", "data", "parts"), ALONE, ids=lambda value: type(value).__name__)
def test_known_numbers_of_parts(photos, recorder, estimator, data, parts):
    X, y = data(photos)
    estimator = clone(estimator).set_callbacks(recorder)
    assert estimator.fit(X, y) is estimator
    assert recorder.heard() == told("fit", *parts, estimator=type(estimator).__name__)
    assert not [name for name in vars(estimator) if "callback" in name and name != "_skl_callbacks"]


@since_callbacks
def test_a_selector_passes_callbacks_on_to_those_that_learn(photos, recorder):
    learner = PixelClassifierSegmenter(estimator=TREES, n_pixels=50, random_state=0)
    SegmenterSelector([*WAYS, ("pixels", learner)], random_state=0).set_callbacks(recorder).fit(*pairs(4)(photos))
    inner = told("fit", *["image"] * 4, *["fold"] * 4, "learn", estimator="PixelClassifierSegmenter")[1:-1]
    outer = told("fit", estimator="SegmenterSelector")
    assert recorder.heard() == [*outer[:2], *inner, *outer[2:]]


@since_callbacks
def test_an_augmented_classifier_passes_callbacks_on(photos, recorder):
    pipeline = make_pipeline(measure(), LogisticRegression())
    AugmentedClassifier(pipeline, n_augmentations=1, random_state=0).set_callbacks(recorder).fit(*labels(photos))
    batches = told("fit-transform", "batch", "batch", "batch")[1:-1]
    copies = [f"{kind} AugmentedClassifier transform-copies" for kind in ("begin", "end")]
    classifier = [f"{kind} LogisticRegression fit" for kind in ("begin", "end")]
    outer, head = (told(*what) for what in [("fit",), ("fit-transform",)])
    outer = [line.replace("ImagePipeline", "AugmentedClassifier") for line in outer]
    head = [line.replace("ImagePipeline", "Pipeline") for line in head][1:-1]
    heard = [line for line in recorder.heard() if "lbfgs" not in line]
    assert heard == [*outer[:2], head[0], *batches, head[1], *copies, *classifier, *outer[2:]]


@since_callbacks
@pytest.mark.parametrize(
    ("model", "data"),
    [
        (PriorLogisticRegression({"a": 1}), table),
        (
            AugmentedClassifier(make_pipeline(measure(), LogisticRegression()), n_augmentations=1, random_state=0),
            labels,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_classifier_is_fitted_when_its_end_is_told(photos, model, data):
    X, target = data(photos)
    monitor = ScoringMonitor(scoring="roc_auc")
    model = clone(model).set_callbacks(monitor).fit(X, target)
    (entry,) = monitor.get_logs().data
    assert entry["roc_auc"] == pytest.approx(roc_auc_score(target, model.predict_proba(X)[:, 1]))


@since_callbacks
def test_a_selector_is_fitted_when_its_end_is_told(photos):
    monitor = ScoringMonitor(scoring={"score": make_mask_scorer(mask_jaccard)})
    selector = (
        SegmenterSelector(WAYS, ranker=RANKER, random_state=0).set_callbacks(monitor).fit(photos.images, photos.masks)
    )
    (entry,) = monitor.get_logs().data
    assert entry["score"] == pytest.approx(selector.score(photos.images, photos.masks))


# Without callbacks


def test_before_callbacks_nobody_is_told(monkeypatch, photos):
    def load_anew(module):
        specification = importlib.util.spec_from_file_location(module.__name__, module.__file__)
        loaded = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(loaded)
        monkeypatch.setitem(sys.modules, module.__name__, loaded)
        return loaded

    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    compat, before = (load_anew(module) for module in (_sklearn_compat, _callbacks))

    class Old(compat.CallbackSupportMixin, BaseEstimator):
        @before.one_task
        def fit(self, X, y=None):
            with before.FitTask(self, X, y, 3) as task:
                tell = before.Countdown(task, "batch", 2, 1)
                tell(1)
                with task.fitting("fit-step", Scale()):
                    self.fitted_ = True
            return self

    old = Old()
    assert old.fit(photos.images) is old
    assert vars(old) == {"fitted_": True}
    assert not hasattr(old, "set_callbacks")
    assert compat.with_callbacks(len) is len


@since_callbacks
def test_parts_that_nobody_hears_of_are_not_kept(photos):
    with _callbacks.FitTask(measure(), photos.images, None, 3) as task:
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
