"""Picture of the page on metadata: scores of three synthetic lesions at other ages of the patient."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.model_selection import hide_labels

AGES = np.arange(10, 91, 5)


def draw() -> Figure:
    data = make_lesions(40, image_size=(144, 192), melanoma_fraction=0.4, hair=0, vignette=0, random_state=1)
    age = np.clip(np.random.default_rng(0).normal(45 + 15 * data.target, 15), 5, 95).round()
    model = make_melanoma_pipeline(columns=["age"])
    features = model["features"].fit_transform(pd.DataFrame({"image": data.images, "age": age}))
    classifier = model[1:].fit(features, hide_labels(data.target, 5, random_state=0))
    score = classifier.predict_proba(features)[:, 1]
    chosen = np.argsort(score)[[4, 20, 35]]

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    for column, number in enumerate(chosen):
        top, bottom = figure.add_subplot(2, 3, column + 1), figure.add_subplot(2, 3, column + 4)
        top.imshow(data.images[number])
        top.set_axis_off()
        rows = features.iloc[[number] * len(AGES)].assign(age=AGES.astype(float))
        bottom.plot(AGES, classifier.predict_proba(rows)[:, 1])
        bottom.axvline(age[number], color="0.5", lw=1)
        bottom.set(ylim=(0, 1), ylabel="probability" if column == 0 else None)
        bottom.set_xlabel("age of the patient" if column == 1 else None)
    return figure
