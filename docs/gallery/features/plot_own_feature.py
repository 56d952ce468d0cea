"""
Add a feature of your own
=========================

This example writes a feature that the package does not have, and puts it into the pipeline beside the others. The
feature tells how far the dark pigment is from the center of the lesion.
"""

# %%
# Write the feature
# -----------------
#
# A step takes lesions and returns one row for each. :class:`~sklearn_melanoma.Lesion` has the image and the mask. The
# distance is divided by the radius of a disk of the same area, so it does not depend on the size of the image.
# ``get_feature_names_out`` gives the column its name.

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression


def find_centers(lesion):
    """Return the centers of the lesion and of its darkest quarter, as row and column."""
    lightness = lesion.image.mean(axis=2)
    dark = lesion.mask & (lightness <= np.quantile(lightness[lesion.mask], 0.25))
    return np.argwhere(lesion.mask).mean(axis=0), np.argwhere(dark).mean(axis=0)


class PigmentOffset(TransformerMixin, BaseEstimator):
    """Distance of the darkest quarter of a lesion from its center."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[self.measure(lesion)] for lesion in X])

    def measure(self, lesion):
        if not lesion.area_px:  # no lesion was found
            return np.nan
        center, dark_center = find_centers(lesion)
        return np.linalg.norm(center - dark_center) / np.sqrt(lesion.area_px / np.pi)

    def get_feature_names_out(self, input_features=None):
        return np.array(["pigment_offset"], dtype=object)


# %%
# Put it into the pipeline
# ------------------------
#
# The step ``measure`` of the default pipeline computes all features. A :class:`~sklearn.pipeline.FeatureUnion` puts the
# new column beside them. ``set_output`` makes a table, so that the classifier sees the names of all columns.

synthetic = make_lesions(40, image_size=(144, 192), melanoma_fraction=0.5, hair=0, vignette=0, random_state=1)

steps = make_melanoma_pipeline()["features"]
measure = FeatureUnion([("standard", steps["measure"]), ("own", PigmentOffset())], verbose_feature_names_out=False)
measure.set_output(transform="pandas")
steps.set_params(measure=measure)
table = steps.fit_transform(synthetic.images)
table[["pigment_offset"]].describe().round(2)

# %%
# Look at the extremes
# --------------------
#
# The first row shows the two lowest values, the second row the two highest. The circle is the center of the lesion, the
# cross that of its darkest quarter.

lesions = steps[:-1].transform(synthetic.images)
order = table["pigment_offset"].to_numpy().argsort()

figure = Figure(figsize=(5, 4), layout="constrained")
for axes, number in zip(figure.subplots(2, 2).flat, [*order[:2], *order[-2:]], strict=True):
    axes.imshow(lesions[number].image)
    axes.contour(lesions[number].mask, levels=[0.5], colors="w", linewidths=1)
    for (row, column), marker in zip(find_centers(lesions[number]), ("o", "x"), strict=True):
        axes.plot(column, row, marker, color="#00b4ff", ms=9, mew=2, fillstyle="none")
    axes.set_title(f"{table['pigment_offset'].iloc[number]:.2f}")
    axes.set_axis_off()

# %%
# Use it in a classifier
# ----------------------
#
# The classifier starts from the literature, which does not know the new feature. If you expect a direction, add it to
# the prior weights: here, a large offset is worse. It gets half of the weight of the asymmetry.

weights = feature_directions()["weight"]
weights["pigment_offset"] = weights["asymmetry_major"] / 2
prior = PriorLogisticRegression(weights, alpha="evidence", classes=(0, 1))
model = make_melanoma_pipeline(classifier=prior).set_params(features__measure=measure)

few = hide_labels(synthetic.target, 5, random_state=0)
model.fit(synthetic.images, few)

classifier = model["classify"]
learned = pd.Series(classifier.coef_[0], classifier.feature_names_in_)
learned[["asymmetry_major", "asymmetry_minor", "pigment_offset"]].round(3).to_frame("weight")

# %%
# **Next:** :doc:`../evaluation/plot_importance` asks which features a model uses. :doc:`/guide/few_labels` explains
# prior weights. To save a model with a step of your own, put the class into a module (:doc:`/guide/deployment`).
