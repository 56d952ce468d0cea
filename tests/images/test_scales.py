"""Scales of files, read from their headers."""

import pytest

from sklearn_melanoma._io.scales import read_scale
from tests._dicom import bare, dicom, rgb
from tests._hostile import saved, spot


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (dicom(rgb(), PixelSpacing=[0.02, 0.02]), 0.02),
        (bare(rgb(), PixelSpacing=[0.02, 0.02]), 0.02),
        (dicom(rgb()), None),
        (dicom(rgb(), PixelSpacing=[0.02, 0.03]), None),
        (saved(spot(), "PNG", dpi=(300, 300)), None),
    ],
    ids=["calibrated", "bare", "without", "not square", "PNG"],
)
def test_scale(tmp_path, data, expected):
    (tmp_path / "image").write_bytes(data)
    assert read_scale(tmp_path / "image") == expected


@pytest.mark.parametrize("data", [b"", bare(rgb(), SOPClassUID=None), None], ids=["empty", "damaged", "missing"])
def test_file_that_can_not_be_read(tmp_path, data):
    if data is not None:
        (tmp_path / "image").write_bytes(data)
    with pytest.raises(ValueError, match=r"could not read '.*image'"):
        read_scale(tmp_path / "image")


def test_url_is_not_opened():
    assert read_scale("https://example.org/image.dcm") is None
