"""Scripts from a file to three features, only with OpenCV or scikit-image, after their watershed tutorials."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np
from scipy import ndimage as ndi
from scipy.spatial.distance import pdist
from skimage import io
from skimage.color import rgb2gray
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import disk, opening
from skimage.segmentation import watershed

Features = tuple[float, float, float]


def opencv_script(path: str) -> Features:
    """Return the area, the perimeter over that of the minimum enclosing circle, and the maximum span of the hull.

    Up to the watershed, it follows https://docs.opencv.org/4.x/d3/db4/tutorial_py_watershed.html.
    """
    image = cv2.imread(path)
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (5, 5), 0)
    _, binary = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    kernel = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(binary, cv2.MORPH_OPEN, kernel, iterations=2)
    background = cv2.dilate(opened, kernel, iterations=3)
    distance = cv2.distanceTransform(opened, cv2.DIST_L2, 5)
    _, foreground = cv2.threshold(distance, 0.7 * distance.max(), 255, 0)
    foreground = foreground.astype(np.uint8)
    unknown = cv2.subtract(background, foreground)
    _, markers = cv2.connectedComponents(foreground)
    markers = markers + 1
    markers[unknown == 255] = 0
    markers = cv2.watershed(image, markers)
    contours, _ = cv2.findContours((markers > 1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contour = max(contours, key=cv2.contourArea)
    _, radius = cv2.minEnclosingCircle(contour)
    span = pdist(cv2.convexHull(contour)[:, 0]).max()
    return cv2.contourArea(contour), cv2.arcLength(contour, True) / (2 * pi * radius), float(span)


def skimage_script(path: str) -> Features:
    """Return the area, the perimeter over that of the circle with the maximum span as diameter, and the maximum span.

    The watershed follows https://scikit-image.org/docs/stable/auto_examples/segmentation/plot_watershed.html.
    scikit-image has no minimum enclosing circle.
    """
    gray = gaussian(rgb2gray(io.imread(path)), sigma=2)
    binary = opening(gray < threshold_otsu(gray), disk(3))
    distance = ndi.distance_transform_edt(binary)
    markers = label(distance > 0.7 * distance.max())
    lesion = max(regionprops(watershed(-distance, markers, mask=binary)), key=lambda region: region.area)
    span = lesion.feret_diameter_max
    return float(lesion.area), lesion.perimeter / (pi * span), span
