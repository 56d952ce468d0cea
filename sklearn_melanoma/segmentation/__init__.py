"""Segmentation: from an image to the mask of its lesion."""

from sklearn_melanoma.segmentation._boxes import lesion_boxes
from sklearn_melanoma.segmentation._candidates import describe_candidates
from sklearn_melanoma.segmentation._crf import refine_probability
from sklearn_melanoma.segmentation._crf_refiner import CRFRefiner
from sklearn_melanoma.segmentation._estimators import WatershedSegmenter
from sklearn_melanoma.segmentation._mask_correction import MaskCorrectingSegmenter
from sklearn_melanoma.segmentation._network_segmenter import NetworkSegmenter
from sklearn_melanoma.segmentation._pixel_classifier import PixelClassifierSegmenter
from sklearn_melanoma.segmentation._pixel_perceptron import PixelPerceptron
from sklearn_melanoma.segmentation._pretrained import load_pretrained_segmenter
from sklearn_melanoma.segmentation._selector import SegmenterSelector
from sklearn_melanoma.segmentation._watershed import segment_watershed

__all__ = [
    "CRFRefiner",
    "MaskCorrectingSegmenter",
    "NetworkSegmenter",
    "PixelClassifierSegmenter",
    "PixelPerceptron",
    "SegmenterSelector",
    "WatershedSegmenter",
    "describe_candidates",
    "lesion_boxes",
    "load_pretrained_segmenter",
    "refine_probability",
    "segment_watershed",
]
