"""
Compute features with Dask
==========================

This example computes the features of a folder with two workers of Dask. The same code runs on a cluster, where each
machine takes some of the images. It needs Dask: ``pip install distributed``.
"""

# %%
# A folder of images
# ------------------
#
# The workers read the images themselves. They get the paths, and send rows of numbers back.

from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
from dask.distributed import Client
from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.pipeline import make_melanoma_pipeline

temporary = TemporaryDirectory()
folder = Path(temporary.name)

synthetic = make_lesions(48, image_size=(144, 192), random_state=0)
paths = [str(folder / f"{number:02d}.png") for number in range(48)]
for path, image in zip(paths, synthetic.images, strict=True):
    Image.fromarray(image).save(path)

# %%
# Compute the features
# --------------------
#
# A batch is what a worker gets at a time, here six images. Broken files become rows of missing values, so that one of
# them does not stop the run. The workers here are threads of this process. On one machine, use processes instead:
# ``Client(n_workers=2, threads_per_worker=1)`` under ``if __name__ == "__main__":``.

features = make_melanoma_pipeline()["features"].set_params(batch_size=6, on_error="skip")
client = Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0")
with client, joblib.parallel_config("dask"):
    client.get_task_stream()  # record from here on
    table = features.transform(paths)
    tasks = client.get_task_stream()
print(*table.shape, sep=" × ")

# %%
# Compare with one process
# ------------------------
#
# The rows are the same to the last bit.

alone = features.transform(paths)
print("equal:", alone.equals(table))
temporary.cleanup()

# %%
# Look at the work of each worker
# -------------------------------
#
# Each bar is a batch of six images.

workers = sorted({task["worker"] for task in tasks})
spans = [(workers.index(task["worker"]), span["start"], span["stop"]) for task in tasks for span in task["startstops"]]
begin = min(start for _, start, _ in spans)

figure = Figure(figsize=(5, 1.8), layout="constrained")
axes = figure.subplots()
for worker, start, stop in spans:
    axes.barh(worker, stop - start, left=start - begin, color=f"C{worker}", edgecolor="white")
axes.set(yticks=range(len(workers)), xlabel="seconds")
axes.set_yticklabels([f"worker {number + 1}" for number in range(len(workers))])

# %%
# **What to look at:** gaps between the bars. There, a worker waits for the scheduler. If there are many, make the
# batches larger.
#
# **Next:** :doc:`/guide/cluster` shows SLURM and Ray, and how to write the rows of 400 000 images in chunks.
