"""Type aliases of the whole package."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

PathLike = str | os.PathLike[str]
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
