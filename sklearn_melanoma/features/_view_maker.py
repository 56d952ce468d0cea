"""Other views of lesions as a step between their masks and their measures."""

from __future__ import annotations

import numpy as np

from sklearn_melanoma._base import LesionTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import require_mask
from sklearn_melanoma.features._views import make_view


class ViewMaker(LesionTransformer):
    """Turn each lesion that has a seed into the view drawn from it; one without a seed, or not found, stays."""

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        require_mask(lesion.mask, self)
        if lesion.seed is None or not lesion.area_px:
            return lesion
        return make_view(lesion, np.random.RandomState(lesion.seed))
