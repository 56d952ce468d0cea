"""
Make a report of predictions
============================

This example makes a page that opens in any browser. It shows each image with its border, its score and the reasons for
the score. Flags mark images of poor quality.
"""

# %%
# A model and unseen images
# -------------------------
#
# The images here are synthetic. Ten of the first 30 have a label. The last 12 are new to the model. The file of one
# more is missing.

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import ContributionDisplay, make_report, quality_flags
from sklearn_melanoma.model_selection import hide_labels

data = make_lesions(42, random_state=0)
model = make_melanoma_pipeline().fit(data.images[:30], hide_labels(data.target[:30], 5, random_state=0))
images, labels = [*data.images[30:], "missing.jpg"], [*data.target[30:], -1]

# %%
# Which images to check
# ---------------------
#
# The flags have simple rules, which :func:`~sklearn_melanoma.inspection.quality_flags` describes.

flags = quality_flags(images, model=model)
flags.loc[:, flags.dtypes == "bool"].sum().to_frame("images")

# %%
# Why an image got its score
# --------------------------
#
# The contributions of the criteria and the intercept add up to the log-odds.

scores = model.predict_proba(images[:-1])[:, 1]
display = ContributionDisplay.from_estimator(model, images[scores.argmax()])

# %%
# The report
# ----------
#
# It is one HTML file, with a summary and a card for each image. Its method ``save("report.html")`` writes it, and its
# ``table`` has the numbers.

make_report(model, images, labels, title="Twelve synthetic lesions")

# %%
# **What to look at:** sort the cards by "wrong predictions first". Is the border right? Is there a quality flag? Which
# criterion moved the score?
#
# **Next:** :doc:`/guide/report` explains the cards.
