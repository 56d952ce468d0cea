from ._boxes import lesion_boxes
from ._candidates import describe_candidates
from ._crf import refine_probability
from ._crf_refiner import CRFRefiner
from ._estimators import WatershedSegmenter
from ._mask_correction import MaskCorrectingSegmenter
from ._network_segmenter import NetworkSegmenter
from ._pixel_classifier import PixelClassifierSegmenter
from ._pixel_perceptron import PixelPerceptron
from ._pretrained import load_pretrained_segmenter
from ._selector import SegmenterSelector
from ._watershed import segment_watershed

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
