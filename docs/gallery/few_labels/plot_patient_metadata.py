"""
Patient metadata: add the age and sex
=====================================

This example fits a classifier to images and to a table of patients, in which some ages are missing. It then compares
the scores with and without the table. The ages are made up.
"""

# %%
# Images and a table of patients
# ------------------------------
#
# The table has one row for each image: its path, and the age and sex of the patient. Every tenth age is missing.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import LabelEfficiencyDisplay
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline

temporary = TemporaryDirectory()
folder = Path(temporary.name)

synthetic = make_lesions(60, image_size=(120, 160), melanoma_fraction=0.4, hair=0, vignette=0, random_state=1)
paths = [str(folder / f"{number:02d}.png") for number in range(60)]
for path, image in zip(paths, synthetic.images, strict=True):
    Image.fromarray(image).save(path)

random = np.random.default_rng(0)
age = np.clip(random.normal(45 + 15 * synthetic.target, 15), 5, 95).round()
age[::10] = np.nan
patients = pd.DataFrame(
    {
        "path": paths,
        "age": age,
        "sex": random.choice(["female", "male", "unknown"], 60),
    }
)
patients[["age", "sex"]].head()

# %%
# Fit the pipeline
# ----------------
#
# ``columns`` names the columns of the patient. The pipeline finds the column of images by its content. The age is a
# criterion of the classifier like the size or the asymmetry of the lesion: all have the same weight before the first
# label. The sex has no direction, so only labels give it a weight.

few = hide_labels(synthetic.target, 5, random_state=0)
rows = folder / "rows"  # a cache, so that each image is read once
model = make_melanoma_pipeline(columns=["age", "sex"], memory=rows)
model.fit(patients, few)

classifier = model["classify"]
weights = pd.Series(classifier.coef_[0], classifier.feature_names_in_)
weights[["age", "sex_female", "sex_male"]].round(3).to_frame("weight")

# %%
# The same lesion at other ages
# -----------------------------
#
# Only the age differs here, so each line shows what the model makes of it. The cache holds the features of the images,
# so no image is read again.

ages = np.arange(10, 91, 10)
scores = np.array([model.predict_proba(patients.assign(age=float(age)))[:, 1] for age in ages])

figure = Figure(figsize=(5, 3.2), layout="constrained")
axes = figure.subplots()
for number in range(0, 60, 3):
    is_melanoma = synthetic.target[number] == 1
    axes.plot(ages, scores[:, number], color="C3" if is_melanoma else "C7", lw=1)
axes.plot([], [], color="C3", label="melanoma")
axes.plot([], [], color="C7", label="other")
axes.set(xlabel="age of the patient", ylabel="probability of melanoma", ylim=(0, 1.05))
axes.legend(loc="upper left", ncols=2)

# %%
# The gain by the table
# ---------------------
#
# The second pipeline takes the same table, but only its images.

methods = {
    "image, age and sex": model,
    "image alone": make_melanoma_pipeline(columns=[], memory=rows),
}
figure = Figure(figsize=(5, 3.2), layout="constrained")
display = LabelEfficiencyDisplay.from_estimators(
    methods,
    patients,
    synthetic.target,
    labels_per_class=(0, 3, 10),
    n_repeats=6,
    random_state=0,
    ax=figure.subplots(),
)
temporary.cleanup()

# %%
# **What to look at:** the lines rise with the age, but a lesion that looks harmless stays low at any age. The curves
# show the gain on these made-up ages.
#
# **Next:** :doc:`/guide/metadata` also compares the lesions of a patient with each other. :doc:`/benchmarks/few_labels`
# has the results on real images.
