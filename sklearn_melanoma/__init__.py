"""Melanoma in dermoscopic images from few labels, as scikit-learn estimators.

The stages, in the order in which an image passes them:

=========================================  ==========================================
:mod:`sklearn_melanoma.images`             read images, small and upright
:mod:`sklearn_melanoma.datasets`           synthetic images; PH², ISIC 2017, HAM10000
:mod:`sklearn_melanoma.preprocessing`      image → image without hair, in neutral light
:mod:`sklearn_melanoma.segmentation`       image → mask
:mod:`sklearn_melanoma.features`           mask → one row of named numbers
:mod:`sklearn_melanoma.semi_supervised`    rows, few of them labeled → classifier
:mod:`sklearn_melanoma.model_selection`    splitting where most labels are missing
:mod:`sklearn_melanoma.metrics`            how good a mask is
:mod:`sklearn_melanoma.inspection`         pictures of what was found
:mod:`sklearn_melanoma.pipeline`           all of them in one estimator
:mod:`sklearn_melanoma.persistence`        that estimator in a file
=========================================  ==========================================

It is a research tool and not a medical device.
"""

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.pipeline import make_melanoma_pipeline

__version__ = "0.1.0"

__all__ = ["Lesion", "__version__", "make_melanoma_pipeline"]
