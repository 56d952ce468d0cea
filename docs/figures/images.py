"""One image read at three sizes: the border and its area in source pixels stay."""

from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.segmentation import WatershedSegmenter

SIDES = (1024, 384, 192)


def draw() -> Figure:
    images = make_lesions(1, image_size=(768, 1024), hair=0, vignette=0, random_state=11).images
    figure = Figure(figsize=(6, 2.2), layout="constrained")
    for axes, side in zip(figure.subplots(1, len(SIDES), subplot_kw={"anchor": "S"}), SIDES, strict=True):
        (lesion,) = WatershedSegmenter().transform(ImageReader(max_side=side).transform(images))
        ((area,),) = MorphologyFeatures(["area"]).transform([lesion])
        axes.imshow(lesion.image)
        axes.contour(lesion.mask, levels=[0.5], colors="white", linewidths=1.5)
        digits = f"{area:,.0f}".replace(",", " ")
        axes.set_title(f"max_side={side}\nscale {lesion.scale:.3g}\n{digits} source pixels", fontsize="medium")
        axes.set_axis_off()
    return figure
