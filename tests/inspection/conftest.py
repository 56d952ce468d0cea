"""Small models of synthetic images, used by the tests of contributions and reports."""

import pytest

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions


@pytest.fixture(scope="session")
def lesions():
    """Return 40 synthetic lesions; `model` is fitted to the first 30."""
    return make_lesions(40, image_size=(96, 128), hair=0.2, random_state=0)


@pytest.fixture(scope="session")
def model(lesions):
    """Return the default pipeline, fitted to 30 lesions."""
    return make_melanoma_pipeline().fit(lesions.images[:30], lesions.target[:30])


@pytest.fixture(scope="session")
def table(lesions, model):
    """Return the features of all lesions."""
    return model["features"].transform(lesions.images)
