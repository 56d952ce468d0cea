"""Cache keys of images and steps."""

import os
import pickle
import subprocess
import sys
import textwrap
from functools import cached_property, partial
from threading import Lock
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import ColorFeatures, MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline._memory.keys import digest_steps, identify_image
from sklearn_melanoma.segmentation import WatershedSegmenter


def make_union():
    return FeatureUnion([("morphology", MorphologyFeatures()), ("color", ColorFeatures())], n_jobs=1)


def test_pil_images_with_equal_pixels_but_other_colors_have_other_keys():
    picture = Image.new("P", (4, 4))
    picture.putpalette([0, 0, 0, 255, 255, 255])
    other = picture.copy()
    other.putpalette([9, 9, 9, 255, 255, 255])
    transparent = picture.copy()
    transparent.info["transparency"] = 0
    turned = picture.copy()
    turned.getexif()[0x0112] = 6
    assert len({identify_image(x).get_key({}) for x in (picture, other, transparent, turned)}) == 4


def test_equal_steps_have_equal_keys():
    steps = [ImageReader(), WatershedSegmenter(), make_union()]
    digest = digest_steps(steps)
    assert len(digest) == 16
    assert digest_steps(clone(steps)) == digest
    assert digest_steps(pickle.loads(pickle.dumps(steps))) == digest
    changed = clone(steps)
    changed[2].set_output(transform="pandas")
    changed[2].n_jobs = 2
    lesions = WatershedSegmenter().transform(make_lesions(2, random_state=0).images)
    changed[2].fit_transform(lesions)
    assert digest_steps(changed) == digest
    others = [
        [WatershedSegmenter(), ImageReader(), make_union()],
        [ImageReader(), WatershedSegmenter(margin=0.01), make_union()],
        [ImageReader(max_side=200), WatershedSegmenter(), make_union()],
        [ImageReader(), FrozenEstimator(WatershedSegmenter()), make_union()],
        [ImageReader(), WatershedSegmenter(), make_union().set_params(color="drop")],
    ]
    assert len({digest, digest_steps(steps, b"before"), *map(digest_steps, others)}) == 2 + len(others)


def test_keys_include_private_fitted_attributes():
    X = np.random.default_rng(0).normal(size=(60, 2))
    one = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    other = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, X[:, 1] > 0)
    assert digest_steps([FrozenEstimator(one)]) != digest_steps([FrozenEstimator(other)])
    assert digest_steps([pickle.loads(pickle.dumps(one))]) == digest_steps([one])


def test_keys_include_code_of_user_functions():
    def scale(by):
        return lambda X: [x * by for x in X]

    def step(function):
        return [FunctionTransformer(function)]

    assert digest_steps(step(scale(2))) == digest_steps(step(scale(2)))
    assert digest_steps(step(scale(2))) != digest_steps(step(scale(3)))
    assert digest_steps(step(lambda X: X)) != digest_steps(step(lambda X: X[:1]))
    assert digest_steps(step(partial(np.clip, a_min=0))) != digest_steps(step(partial(np.clip, a_min=1)))


BODIES = {
    "method": "def measure(self, X):\n        return {}",
    "method that scikit-learn wraps": "def transform(self, X):\n        return {}",
    "class method": "@classmethod\n    def measure(cls, X):\n        return {}",
    "static method": "@staticmethod\n    def measure(X):\n        return {}",
    "property": "@property\n    def measure(self):\n        return {}",
    "cached property": "@cached_property\n    def measure(self):\n        return {}",
    "constant": "limit = '{}'",
    "inner function": "def measure(self, X):\n        return (lambda x: {})(X)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_keys_include_code_of_user_classes(body):
    def define(code):
        base = type("Base", (TransformerMixin, BaseEstimator), {})
        namespace = {"Base": base, "cached_property": cached_property, "__name__": "__main__"}
        count = "def count(self):\n        type(self).calls += 1"
        exec(f"class Step(Base):\n    calls = 0\n    {count}\n    {body.format(code)}", namespace)
        return namespace["Step"]()

    same = define("1 in {1, 2}")
    same.count()  # a counter is no constant
    assert digest_steps([define("1 in {1, 2}")]) == digest_steps([same])
    assert digest_steps([define("1 in {1, 3}")]) != digest_steps([same])


MODULE = """
import numpy as np
from dataclasses import dataclass
from functools import cache, partial, partialmethod, wraps
from pathlib import Path
from threading import Lock

@dataclass(frozen=True)
class Config:
    sigma: float

LIMIT = 0.25
WEIGHTS = {"area": [1, 2], "colors": {"red", "blue"}}
WEIGHTS["itself"] = WEIGHTS
CONFIG = Config(1.5)
PATH = Path("first.npz")
LOCK = Lock()
n_calls = 0

def scaled(factor):
    def decorate(function):
        @wraps(function)
        def call(x):
            return factor * function(x)
        return call
    return decorate

@scaled(3)
def find_dark(levels):
    return levels < LIMIT

@cache
def scale(n):
    return find_dark(n) * 2

class Step:
    power = staticmethod(partial(pow, 7))
    add = partialmethod(max, 5)

    def transform(self, X):
        global n_calls
        n_calls += 1
        with LOCK:
            return [[scale(x), helpers.measure(x), WEIGHTS["area"], CONFIG.sigma, PATH.stem, self.power(2)] for x in X]
"""
HELPERS = """
def measure(x):
    return x + 1

def unused(x):
    return x
"""


def make_step(module=MODULE, helpers=HELPERS):
    """Return a step whose code is in a module of its own and uses another one."""
    other = ModuleType("helpers")
    exec(helpers, vars(other))
    namespace = {"__name__": "own_steps", "helpers": other}
    exec(module, namespace)
    return namespace["Step"]()


@pytest.mark.parametrize(
    "change",
    [
        ("LIMIT = 0.25", "LIMIT = 0.3"),
        ("levels <", "levels <="),
        ("[1, 2]", "[1, 3]"),
        ('"blue"', '"green"'),
        ("* 2", "* 3"),
        ("@scaled(3)", "@scaled(4)"),
        ("factor *", "factor +"),
        ("Config(1.5)", "Config(2.5)"),
        ("first", "second"),
        ("pow, 7", "pow, 8"),
        ("max, 5", "max, 6"),
    ],
    ids=[
        "constant",
        "function",
        "mapping",
        "set",
        "cached function",
        "argument of a decorator",
        "decorator",
        "dataclass",
        "path",
        "partial function",
        "partial method",
    ],
)
def test_keys_include_functions_and_constants_that_a_step_uses(change):
    before = digest_steps([make_step()])
    assert digest_steps([make_step()]) == before
    assert digest_steps([make_step(MODULE.replace(*change))]) != before


def test_keys_include_functions_of_other_modules_without_a_version():
    before = digest_steps([make_step()])
    assert digest_steps([make_step(helpers=HELPERS.replace("x + 1", "x + 2"))]) != before
    assert digest_steps([make_step(helpers=HELPERS.replace("return x\n", "return 2 * x\n"))]) == before


def test_counter_of_a_module_does_not_change_keys():
    step = make_step()
    before = digest_steps([step])
    assert step.transform([1]) == [[0, 2, [1, 2], 1.5, "first", 49]]
    assert type(step).transform.__globals__["n_calls"] == 1
    assert digest_steps([step]) == before


def test_keys_distinguish_functions_with_equal_names():
    def power(k):
        return lambda X: [x**k for x in X]

    one, two = power(1), power(2)

    class Several(BaseEstimator):
        def __init__(self, functions):
            self.functions = functions

    keys = [digest_steps([Several(each)]) for each in ([one, two, one], [one, two, two], [two, one, two], [one, one])]
    assert len(set(keys)) == 4
    assert digest_steps([Several([power(1), power(2)])]) == digest_steps([Several([one, two])])


def test_keys_of_a_class_in_another_order():
    namespace = {"__name__": "__main__"}
    exec("class Step:\n    b = 1\n    a = 2\n    def g(self): return 1\n    def f(self): return 2", namespace)
    before = digest_steps([namespace["Step"]()])
    exec("class Step:\n    a = 2\n    b = 1\n    def f(self): return 2\n    def g(self): return 1", namespace)
    assert digest_steps([namespace["Step"]()]) == before  # cloudpickle sorts the members


def test_keys_of_a_long_chain_of_functions():
    namespace = {"__name__": "own_steps", "f0": lambda x: x}
    for number in range(2000):
        exec(f"def f{number + 1}(x): return f{number}(x)", namespace)
    assert digest_steps([FunctionTransformer(namespace["f2000"])])


def test_closures_that_cannot_be_compared_raise_an_error():
    def make(held):
        return FunctionTransformer(lambda X: held and X)

    assert digest_steps([make(np)])  # a module
    with pytest.raises(TypeError, match="cannot pickle"):
        digest_steps([make(Lock())])


def test_keys_of_functions_that_call_each_other():
    namespace = {"__name__": "own_steps"}
    exec("def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)", namespace)
    before = digest_steps([FunctionTransformer(namespace["even"])])
    assert digest_steps([FunctionTransformer(namespace["even"])]) == before
    exec("def odd(n): return n == 1", namespace)
    assert digest_steps([FunctionTransformer(namespace["even"])]) != before


def test_objects_that_cannot_be_compared_do_not_matter(tmp_path):
    with (tmp_path / "log").open("w") as file:
        namespace = {"__name__": "own_steps", "file": file}
        exec("def write(X):\n    file.write('x')\n    return X", namespace)
        assert digest_steps([FunctionTransformer(namespace["write"])])


def test_keys_are_equal_in_other_processes_with_other_orders_of_sets():
    code = """
    from sklearn.base import BaseEstimator
    from sklearn_melanoma import make_melanoma_pipeline
    from sklearn_melanoma.pipeline._memory.keys import digest_steps

    NAMES = {"red", "green", "blue", "gray"}

    class Step(BaseEstimator):
        names = {"mean", "std", "min", "max"}

        def transform(self, X):
            return NAMES, X in {"area", "max_span", "compactness", "solidity", "extent"}

    print(digest_steps(make_melanoma_pipeline()["features"]._active()).hex())
    print(digest_steps([Step()]).hex())
    """
    digests = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.split()
        for seed in "12"
    ]
    assert digests[0] == digests[1]
    assert digests[0][0] == digest_steps(make_melanoma_pipeline()["features"]._active()).hex()


def test_function_without_a_module():
    function = eval("lambda X: X", {})
    assert function.__module__ is None
    assert digest_steps([FunctionTransformer(function)])
