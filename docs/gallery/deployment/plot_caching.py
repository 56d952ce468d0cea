"""
Cache the features
==================

Most of the time of a fit goes into reading, segmenting and measuring images. This example keeps the features in a
folder, so that a search and the next session compute them only once.
"""

# %%
# A folder of images
# ------------------

from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from matplotlib.figure import Figure
from PIL import Image
from sklearn.model_selection import GridSearchCV

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline

temporary = TemporaryDirectory()
folder = Path(temporary.name)

synthetic = make_lesions(50, image_size=(144, 192), melanoma_fraction=0.5, hair=0, vignette=0, random_state=0)
paths = [str(folder / f"{number:02d}.png") for number in range(50)]
for path, image in zip(paths, synthetic.images, strict=True):
    Image.fromarray(image).save(path)
labels = hide_labels(synthetic.target, 12, random_state=0)

# %%
# Fit twice
# ---------
#
# ``memory`` is the folder of the cache. The second fit finds all rows there. A new pipeline finds them too, also
# tomorrow or in another process.

seconds = {}


def measure_time(name, fit, *arguments):
    """Call a method, and keep the time of the processor."""
    start = process_time()
    fit(*arguments)
    seconds[name] = process_time() - start


model = make_melanoma_pipeline(memory=folder / "rows")
measure_time("first fit, 40 images", model.fit, paths[:40], labels[:40])
again = make_melanoma_pipeline(memory=folder / "rows")
measure_time("second fit", again.fit, paths[:40], labels[:40])

# %%
# Search the parameters of the classifier
# ---------------------------------------
#
# The search fits ten models. Without a cache, it would measure each image eleven times.

search = GridSearchCV(
    model,
    {"classify__alpha": [0.1, 0.3, 1, 3, 10]},
    cv=SemiSupervisedSplit(2),
    scoring="roc_auc",
    error_score="raise",
)
measure_time("search, 10 fits", search.fit, paths[:40], labels[:40])

# %%
# Add images, change a step
# -------------------------
#
# New images are the only ones to be measured. Another segmenter gives other masks, so all images are measured again.
# The old rows stay: going back costs nothing.

measure_time("10 more images", model.fit, paths, labels)
model.set_params(features__segment__level=0.4)
measure_time("another segmenter", model.fit, paths, labels)
model.set_params(features__segment__level=0.5)
measure_time("back to the first", model.fit, paths, labels)
temporary.cleanup()

# %%
# Compare the times
# -----------------
#
# With all rows in the cache, a fit takes only the time of the classifier. Without a cache, the search would take more
# than ten times as long as the first fit.

figure = Figure(figsize=(5, 3), layout="constrained")
axes = figure.subplots()
bars = axes.barh(list(seconds), list(seconds.values()))
axes.bar_label(bars, fmt="%.2f s", padding=3)
axes.margins(x=0.2)
axes.invert_yaxis()
axes.set_xlabel("seconds of one processor")

# %%
# **Next:** :doc:`plot_dask` measures images in several processes or on a cluster. :doc:`/guide/memory` says when a row
# is used again, and how to clear the folder.
