"""One feature of images from two cameras, before and after it is scaled relative to each kind."""

import numpy as np
from matplotlib.figure import Figure

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions

FEATURE = "area"


def draw() -> Figure:
    model = make_melanoma_pipeline()
    sets = {
        "old images": make_lesions(50, melanoma_fraction=0.5, image_size=(150, 200), hair=0, random_state=0),
        "new images": make_lesions(50, melanoma_fraction=0.5, image_size=(225, 300), hair=0, random_state=1),
    }
    tables = {name: model["features"].fit_transform(lesions.images) for name, lesions in sets.items()}
    scale = model[1:-1].fit(tables["old images"])
    figure = Figure(figsize=(6, 4.6), layout="constrained")
    panels = figure.subplots(3, 1)
    scaled_as = {
        "as measured": tables,
        "scaled relative to the old images": {name: scale.transform(table) for name, table in tables.items()},
        "scaled relative to the same camera": {
            name: model[1:-1].fit_transform(table) for name, table in tables.items()
        },
    }
    classes = ("nevi", "C7"), ("melanomas", "C3")
    for axes, (title, found) in zip(panels, scaled_as.items(), strict=True):
        for place, (name, lesions) in enumerate(sets.items()):
            values = found[name][FEATURE].to_numpy()
            for target, (label, color) in enumerate(classes):
                chosen = values[lesions.target == target]
                height = place + 0.18 * (2 * target - 1) + np.random.default_rng(0).uniform(-0.12, 0.12, len(chosen))
                axes.plot(chosen, height, ".", color=color, alpha=0.7, label=label if place else None)
        axes.set(title=title, yticks=[0, 1], yticklabels=list(sets))
        axes.title.set_fontsize("medium")
    panels[0].set_xlabel("area in px²")
    panels[0].legend(fontsize=9)
    return figure
