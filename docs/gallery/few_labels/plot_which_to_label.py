"""
Choose the images to label next
===============================

This example chooses the images that an expert should label next (active learning): images that differ from each other,
and on which the model is uncertain. It then adds labels in rounds.
"""

# %%
# Six labels
# ----------
#
# Three images per class have a label. The features are computed once.

from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.model_selection import hide_labels, which_to_label
from sklearn_melanoma.pipeline import make_melanoma_pipeline

synthetic = make_lesions(100, image_size=(120, 160), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)
model = make_melanoma_pipeline()
table = model["features"].fit_transform(synthetic.images)

labels = hide_labels(synthetic.target, 3, random_state=0)
classifier = model[1:].fit(table, labels)

# %%
# Ask for four images
# -------------------
#
# :func:`~sklearn_melanoma.model_selection.which_to_label` returns their positions, the most helpful first. With ``y``,
# it leaves out the images that have a label.

chosen = which_to_label(classifier, table, 4, y=labels)
probability = classifier.predict_proba(table)[:, 1]

figure = Figure(figsize=(5, 4.2), layout="constrained")
for axes, number in zip(figure.subplots(2, 2).flat, chosen, strict=True):
    axes.imshow(synthetic.images[number])
    axes.set_title(f"image {number}: probability {probability[number]:.2f}", fontsize="medium")
    axes.set_axis_off()

# %%
# Label in rounds
# ---------------
#
# Ask for a few images, label them, fit again, and ask again. Here, the true diagnoses of the synthetic images replace
# the expert.

first = labels != -1
rounds = []
for _ in range(3):
    asked = which_to_label(classifier, table, 4, y=labels)
    labels[asked] = synthetic.target[asked]
    classifier.fit(table, labels)
    rounds.append(asked)
    print("labeled:", *asked)

# %%
# Look at the chosen images among the others
# ------------------------------------------
#
# Images with similar features are close in this map. It shows the first two principal components of the scaled
# features. The images of each round are spread over the map.

x, y = PCA(2).fit_transform(classifier[:-1].transform(table)).T

figure = Figure(figsize=(5, 3.8), layout="constrained")
axes = figure.subplots()
axes.plot(x, y, "o", color="0.8", label="no label")
axes.plot(x[first], y[first], "ks", label="first labels")
for number, asked in enumerate(rounds, start=1):
    axes.plot(x[asked], y[asked], "o", color=f"C{number}", label=f"round {number}")
axes.set(xticks=[], yticks=[], xlabel="first component", ylabel="second component")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# **What to look at:** whether the probabilities of the chosen images are far from 0 and 1. A lesion at which the model
# is certain is chosen only if few others look like it.
#
# **Next:** on synthetic images, chosen labels are not better than random ones. :doc:`/benchmarks/few_labels` has the
# gain on real images. :doc:`/guide/labels` explains the choice.
