"""Fixtures for all tests: synthetic images and lesions, folders of real images."""

import os
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_melanoma import Lesion

SKIN = (224, 172, 150)
SPOT = (120, 72, 60)

# Worker processes use one thread for linear algebra. More threads here would change the rounding of sums, and tests
# compare results of workers with results of this process.
threadpool_limits(1, user_api="blas")


@pytest.fixture(autouse=True)
def _seed_global_generator():
    """Make `random_state=None` draw the same numbers in each run."""
    np.random.seed(0)  # noqa: NPY002


def _ellipse(height, width, center, radii):
    """Return the signed distance to an ellipse in pixels, negative inside.

    Center and radii are fractions of the longest side.
    """
    side = max(height, width)
    y, x = np.mgrid[:height, :width].astype(float) + 0.5
    vertical = (y - height / 2) / side - center[0]
    across = (x - width / 2) / side - center[1]
    radius = np.hypot(vertical / radii[0], across / radii[1])
    return (radius - 1) * min(radii) * side


def _draw(height=96, width=128, *, center=(0, 0), radii=(0.16, 0.22), skin=SKIN, spot=SPOT, noise=2.0, seed=0):
    """Draw one spot on skin and return image and mask.

    Center and radii are fractions of the longest side. The center is relative to the middle of the image.
    """
    distance = _ellipse(height, width, center, radii)
    inside = np.clip(0.5 - distance, 0, 1)[:, :, np.newaxis]
    image = inside * np.array(spot) + (1 - inside) * np.array(skin)
    image += np.random.default_rng(seed).normal(0, noise, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), distance < 0


@pytest.fixture(scope="session")
def make_image():
    """Return a function that draws an image, with the parameters of `_draw`."""
    return lambda *args, **options: _draw(*args, **options)[0]


@pytest.fixture(scope="session")
def skin(make_image):
    """Return an image without a lesion."""
    return make_image(48, 64, radii=(1e-9, 1e-9))


@pytest.fixture(scope="module")
def few_trees():
    """Make the default classifier of pixels smaller."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_melanoma.segmentation._pixel_samples._N_TREES", 10)
        yield


@pytest.fixture(scope="session")
def make_lesion():
    """Return a function that draws an image like `make_image` and returns a lesion with its true mask."""

    def make(*args, source_shape=None, mm_per_pixel=None, source=None, **options):
        return Lesion(*_draw(*args, **options), None, mm_per_pixel, source, source_shape)

    return make


@pytest.fixture(scope="session")
def real_data():
    """Return a function from the name of a data set to its folder; it skips the test if there is no such folder."""

    def folder(name):
        root = os.environ.get("SKLEARN_MELANOMA_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"needs real images: set SKLEARN_MELANOMA_DATA to a folder that holds {name!r}")
        return Path(root) / name

    return folder
