"""Melanoma classification of dermoscopic images with few labels, as scikit-learn estimators.

The subpackages, in the order in which an image passes them:

=========================================  =====================================================
:mod:`sklearn_melanoma.images`             read images and masks
:mod:`sklearn_melanoma.datasets`           make synthetic images, load data sets and folders
:mod:`sklearn_melanoma.preprocessing`      remove hair, normalize colors (image → image)
:mod:`sklearn_melanoma.segmentation`       find the lesion (image → mask)
:mod:`sklearn_melanoma.features`           compute features of the lesion (mask → row)
:mod:`sklearn_melanoma.semi_supervised`    train classifiers with few labels (rows → classifier)
:mod:`sklearn_melanoma.model_selection`    split data and choose labels when most are missing
:mod:`sklearn_melanoma.metrics`            evaluate masks and classifiers
:mod:`sklearn_melanoma.inspection`         plot masks, feature importances and label efficiency
:mod:`sklearn_melanoma.pipeline`           chain all steps in one estimator
:mod:`sklearn_melanoma.persistence`        save models to files and load them
:mod:`sklearn_melanoma.experimental`       methods without a measured gain; they may change
``sklearn_melanoma.cli``                   command line: ``sklearn-melanoma``
=========================================  =====================================================

The package is a research tool and not a medical device.
"""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
