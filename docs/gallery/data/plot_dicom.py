"""
Read DICOM files
================

This example loads a folder of DICOM files with the age and sex of the patients. It measures the lesions in
millimeters, and draws the boxes that detectors and promptable segmenters take. The patients are made up.
"""

# %%
# A folder of DICOM files
# -----------------------
#
# Two images of each of four patients are written, as a dermoscope does: with an id, age, sex and pixel spacing.

from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from sklearn_melanoma.datasets import load_dicom, make_lesions
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.segmentation import WatershedSegmenter, lesion_boxes

temporary = TemporaryDirectory()
folder = Path(temporary.name)


def write_dicom(path, image, **attributes):
    """Write an image as Dermoscopic Photography Image Storage."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.7"
    file.SOPInstanceUID = generate_uid()
    file.Modality = "DMS"
    file.set_pixel_data(image, "RGB", 8)
    for keyword, value in attributes.items():
        setattr(file, keyword, value)
    file.save_as(path, enforce_file_format=True)


synthetic = make_lesions(8, image_size=(240, 320), hair=0, random_state=2)
for number, image in enumerate(synthetic.images):
    label = "melanoma" if synthetic.target[number] else "nevus"
    (folder / label).mkdir(exist_ok=True)
    write_dicom(
        folder / label / f"IM{number}",
        image,
        PatientID=f"MRN-{1000 + number // 2}",
        PatientAge=f"{41 + 9 * (number // 2):03d}Y",
        PatientSex="FM"[number // 2 % 2],
        PixelSpacing=[0.06, 0.06],
        BodyPartExamined="BACK",
    )

# %%
# Load the folder
# ---------------
#
# Files are recognized by their content, so they need no suffix. The ids of the patients only number the groups. They
# are not in the result.

data = load_dicom(folder)
names = [Path(path).name for path in data.images]
data.frame.assign(group=data.groups, diagnosis=data.diagnosis).set_axis(names)

# %%
# Measure in millimeters
# ----------------------
#
# The reader takes the scale from each file.

lesions = WatershedSegmenter().fit_transform(ImageReader().fit_transform(data.images))
features = MorphologyFeatures(["area", "max_span"], unit="mm").set_output(transform="pandas")
features.fit_transform(lesions).round(1).set_axis(names)

# %%
# Boxes around the lesions
# ------------------------
#
# A box is x_min, y_min, x_max and y_max in pixels of the source.

boxes = lesion_boxes(lesions, margin=0.1)

figure = Figure(figsize=(5, 3.8), layout="constrained")
for axes, lesion, (left, top, right, bottom) in zip(figure.subplots(2, 2).flat, lesions[:4], boxes[:4], strict=True):
    axes.imshow(lesion.image)
    axes.contour(lesion.mask, levels=[0.5], colors="w", linewidths=1)
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, color="C1"))
    axes.set_axis_off()
temporary.cleanup()

# %%
# **What to look at:** each box is a little wider than the white border of its lesion.
#
# **Next:** :doc:`../few_labels/plot_patient_metadata` uses the age and sex of the patients. :doc:`/guide/images` tells
# which DICOM files are read, and when a pixel spacing is a scale.
