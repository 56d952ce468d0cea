"""
Learn from few labels
=====================

This example trains a classifier on a folder of 60 images. Only ten of them have a diagnosis. It then predicts the
probability of melanoma of the other 50.
"""

# %%
# A folder with few diagnoses
# ---------------------------
#
# The table ``labels.csv`` names the diagnosis of ten images. All other images have none.

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import roc_auc_score

from sklearn_melanoma.datasets import load_folder, make_lesions
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline

temporary = TemporaryDirectory()
folder = Path(temporary.name)
(folder / "images").mkdir()

synthetic = make_lesions(60, image_size=(144, 192), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)
names = [f"{number:02d}.png" for number in range(60)]
for name, image in zip(names, synthetic.images, strict=True):
    Image.fromarray(image).save(folder / "images" / name)

few = hide_labels(synthetic.target, 5, random_state=0)
diagnoses = [{1: "melanoma", 0: "nevus", -1: "unknown"}[label] for label in few]
labels = pd.DataFrame({"image": names, "diagnosis": diagnoses})
labels.to_csv(folder / "labels.csv", index=False)

data = load_folder(folder / "images")
for target, name in ((1, "melanomas"), (0, "others"), (-1, "unlabeled")):
    print(np.sum(data.target == target), name)

# %%
# Fit the pipeline
# ----------------
#
# The default pipeline reads and segments the images, and computes 181 features. Its classifier starts from the
# literature: it knows for 77 features whether a higher value is worse. Unlabeled images have -1 in ``data.target``.
# They help to scale the features.

model = make_melanoma_pipeline()
model.fit(data.images, data.target)

# %%
# Score the unlabeled images
# --------------------------
#
# The true diagnoses of the synthetic images are known, so the scores can be checked.

unlabeled = data.target == -1
probability = model.predict_proba(data.images)[unlabeled, 1]
truth = synthetic.target[unlabeled]

figure = Figure(figsize=(5, 3), layout="constrained")
axes = figure.subplots()
bins = np.linspace(0, 1, 16)
for target, name, color in ((0, "other", "C7"), (1, "melanoma", "C3")):
    axes.hist(probability[truth == target], bins, alpha=0.6, color=color, label=name)
axes.set(xlabel="probability of melanoma", ylabel="unlabeled images")
axes.set_title(f"ROC AUC {roc_auc_score(truth, probability):.2f}", fontsize="medium")
axes.margins(y=0.25)
axes.legend(loc="upper center", ncols=2)
temporary.cleanup()

# %%
# **What to look at:** the images near the middle. The model is uncertain about them.
#
# **Next:** :doc:`plot_prior_knowledge` shows what the classifier knows before the first label, and
# :doc:`plot_label_efficiency` how many labels are needed. :doc:`../evaluation/plot_threshold` makes decisions of the
# probabilities. :doc:`/benchmarks/few_labels` has the results on real images.
