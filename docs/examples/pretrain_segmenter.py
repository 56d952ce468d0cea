"""Train the segmenter that comes with the package.

Makes the file of :func:`sklearn_melanoma.segmentation.load_pretrained_segmenter`, from folders with images of ISIC 2017
and their masks:

    python docs/examples/pretrain_segmenter.py path/to/isic2017 pretrained.npz

Other images will do as well: load them with `load_folder` or `load_images`, which find masks too. Mind their terms: the
weights are made of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn_melanoma.datasets import load_isic_2017
from sklearn_melanoma.segmentation import PixelClassifierSegmenter, PixelPerceptron
from sklearn_melanoma.segmentation._pretrained import write_weights


def train(folder: Path, output: Path) -> None:
    """Train on all images that have a mask, and write the weights."""
    data = load_isic_2017(folder)
    n_masks = sum(mask is not None for mask in data.masks)
    # As many prior masks as masks: the watershed has half of the weight, as it has later beside 20 masks.
    segmenter = PixelClassifierSegmenter(estimator=PixelPerceptron(random_state=0), prior_masks=n_masks, random_state=0)
    write_weights(segmenter.fit(data.images, data.masks), output)
    print(f"{n_masks} masks, Jaccard index on left-out images {segmenter.out_of_fold_jaccard_:.3f}")


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
