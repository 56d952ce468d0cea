"""Images in DICOM files: pixels, scale, errors and privacy of patients."""

import builtins
import re
import warnings
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import JPEGBaseline8Bit

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io.dicom import DEFLATED, MAX_READS
from sklearn_melanoma.images import ImageReader, read_image, read_mask
from sklearn_melanoma.pipeline import SkippedImagesWarning
from tests._dicom import BROKEN, COLOR, GRAY, IDENTITY, PALETTE, SECRETS, dicom, gray, jpeg, palette, rgb, runs
from tests._hostile import profile, saved, spot


@pytest.fixture(scope="module")
def files():
    """Return the bytes of all valid files by their name."""
    groups = {"color": COLOR, "gray": GRAY, "palette": PALETTE}
    return {f"{group} {name}": make() for group, makers in groups.items() for name, make in makers.items()}


def write(folder, data, name="image.dcm"):
    path = folder / name
    path.write_bytes(data)
    return path


# Pixels


def difference(path, expected):
    image = read_image(path)
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    return np.abs(image.astype(int) - expected).mean()


@pytest.mark.parametrize("name", COLOR)
def test_color(files, tmp_path, name):
    exact = not any(word in name for word in ("YBR", "JPEG", "fragments")) or name == "JPEG 2000"
    assert difference(write(tmp_path, files[f"color {name}"]), rgb()) <= (0 if exact else 2)


@pytest.mark.parametrize("name", GRAY)
def test_gray(files, tmp_path, name):
    expected = np.repeat(gray()[:, :, np.newaxis], 3, axis=2)
    assert difference(write(tmp_path, files[f"gray {name}"]), expected) <= (1.1 if "JPEG" in name else 0)


@pytest.mark.parametrize("name", PALETTE)
def test_palette(files, tmp_path, name):
    expected = np.stack([255 - gray(), gray(), gray()], axis=2)
    assert difference(write(tmp_path, files[f"palette {name}"]), expected) == 0


def test_palette_of_few_entries_extends_to_all_indices(tmp_path):
    descriptor = {f"{color}PaletteColorLookupTableDescriptor": [3, 100, 16] for color in ("Red", "Green", "Blue")}
    indices = np.array([[0, 100, 101, 102, 255]], np.uint8)
    path = write(tmp_path, dicom(indices, "PALETTE COLOR", shape=(1, 5), **palette(3, **descriptor)))
    assert read_image(path)[0, :, 1].tolist() == [0, 0, 127, 255, 255]


def test_file_is_recognized_by_content(files, tmp_path):
    for name in ("IM000001", "image.jpg", "image.DCM"):
        assert np.array_equal(read_image(write(tmp_path, files["color plain"], name)), rgb())
    jpeg_named_dicom = write(tmp_path, saved(spot(), "PNG"))
    assert np.array_equal(read_image(jpeg_named_dicom), rgb())


def test_jpeg_is_decoded_small(files, tmp_path):
    image = read_image(write(tmp_path, files["color JPEG"]), max_side=16)
    assert image.shape == (12, 16, 3)
    assert np.abs(image.astype(int) - read_image(rgb(), max_side=16)).mean() < 3


def test_color_profile(tmp_path):
    wide = profile("Display P3")
    converted = read_image(write(tmp_path, dicom(rgb(), ICCProfile=wide)))
    assert np.array_equal(converted, read_image(write(tmp_path, saved(spot(), "PNG", icc_profile=wide), "image.png")))
    assert not np.array_equal(converted, rgb())


def test_dark_levels_give_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="is almost black"):
        read_image(write(tmp_path, dicom(rgb().astype("<u2") >> 4)))
    with pytest.warns(UserWarning, match="largest level is"):
        read_image(write(tmp_path, dicom(gray().astype("<u2") << 4, "MONOCHROME2")))


def test_url_is_read(files):
    with fsspec.open("memory://dicom/one", "wb") as file:
        file.write(files["color plain"])
    assert np.array_equal(read_image("memory://dicom/one"), rgb())


def test_masks(tmp_path):
    mask = gray() < 150
    white = mask.astype(np.uint8) * 255
    for number, data in enumerate(
        (
            dicom(white, "MONOCHROME2"),
            dicom(mask.astype(np.uint8), "MONOCHROME2"),
            dicom(255 - white, "MONOCHROME1"),
            dicom([runs(white, "MONOCHROME2")], "MONOCHROME2", syntax="1.2.840.10008.1.2.5"),
            dicom(white.astype("<u2") * 257, "MONOCHROME2"),
        )
    ):
        assert np.array_equal(read_mask(write(tmp_path, data, f"{number}.dcm")), mask)
    few = write(tmp_path, dicom(mask.astype("<u2"), "MONOCHROME2", BitsStored=12))
    with pytest.raises(ValueError, match="16 bits per color"):
        read_mask(few)


# Scale


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, None),
        ({"PixelSpacing": [0.02, 0.02]}, 0.02),
        ({"PixelSpacing": [0.0200, 0.0201]}, 0.02005),
        ({"PixelSpacing": [0.02, 0.02], "ImagerPixelSpacing": [0.005, 0.005]}, 0.02),
        ({"PixelSpacing": [0.02, 0.02], "ImagerPixelSpacing": [0.02, 0.02]}, None),
        ({"PixelSpacing": [0.02, 0.02], "NominalScannedPixelSpacing": [0.02, 0.02]}, None),
        (
            {
                "PixelSpacing": [0.02, 0.02],
                "ImagerPixelSpacing": [0.02, 0.02],
                "PixelSpacingCalibrationType": "FIDUCIAL",
            },
            0.02,
        ),
        ({"ImagerPixelSpacing": [0.005, 0.005]}, None),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, None),
        ({"PixelSpacing": [0.02, 0.02], "PixelAspectRatio": [1, 1]}, 0.02),
    ],
)
def test_scale(tmp_path, attributes, expected):
    path = write(tmp_path, dicom(rgb(), **attributes))
    (lesion,) = ImageReader(max_side=32).fit_transform([path])
    assert lesion.mm_per_pixel == (None if expected is None else pytest.approx(expected))
    assert lesion.scale == 2  # mm_per_pixel refers to the source
    (lesion,) = ImageReader(mm_per_pixel=0.5).fit_transform([path])
    assert lesion.mm_per_pixel == 0.5  # the user's value has priority over the file


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"PixelSpacing": [0.02, 0.03]}, "pixels are not square, but 0.03 × 0.02 mm"),
        ({"PixelAspectRatio": [4, 3], "PixelSpacing": [0.02, 0.02]}, "pixels are not square"),
        ({"PixelSpacing": [0, 0]}, "pixel spacing is not two numbers above 0"),
        ({"PixelSpacing": [0.02]}, "pixel spacing is not two numbers above 0"),
        ({"PixelSpacing": [-1, -1]}, "pixel spacing is not two numbers above 0"),
    ],
)
def test_scale_of_no_use_gives_a_warning(tmp_path, attributes, reason):
    path = write(tmp_path, dicom(rgb(), **attributes))
    with pytest.warns(UserWarning, match=rf"scale of '.*image\.dcm' is ignored: its {reason}"):
        (lesion,) = ImageReader().fit_transform([path])
    assert lesion.mm_per_pixel is None


def test_scale_of_damaged_number(tmp_path):
    data = dicom(rgb(), PixelSpacing=[0.25, 0.25]).replace(b"0.25\\0.25", b"nan\\x.yz ")
    with pytest.warns(UserWarning, match="not two numbers above 0"):
        ImageReader().fit_transform([write(tmp_path, data)])


# Rejected files


def test_deflated_bytes_have_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_melanoma._io.dicom.MAX_INFLATED_BYTES", 10_000)
    with pytest.raises(ValueError, match="deflated DICOM file of more than 10,000 bytes"):
        read_image(write(tmp_path, dicom(np.zeros((480, 640, 3), np.uint8), shape=(480, 640), syntax=DEFLATED)))


@pytest.mark.parametrize(("limit", "largest"), [("MAX_PLUGIN_PIXELS", 3071), ("MAX_PLUGIN_BYTES", 1000)])
def test_pixels_and_bytes_of_codecs_have_a_limit(files, tmp_path, monkeypatch, limit, largest):
    monkeypatch.setattr(f"sklearn_melanoma._io.dicom_frames.{limit}", largest)
    message = rf"64 × 48 pixels in \d,\d{{3}} bytes of JPEG 2000 .*, more than .*\b{largest:,} .*Shrink it"
    with pytest.raises(ValueError, match=message):
        read_image(write(tmp_path, files["color JPEG 2000"]))


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_gives_one_error(tmp_path, name):
    make, reason = BROKEN[name]
    path = write(tmp_path, make())
    with pytest.raises(ValueError, match=reason) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"could not read {str(path)!r}: ")


@pytest.mark.parametrize("depth", range(12))
def test_nested_sequences_at_any_depth_of_the_stack(tmp_path, depth):
    def read(depth):
        return read(depth - 1) if depth else read_image(path)

    path = write(tmp_path, BROKEN["nested"][0]())
    with pytest.raises(ValueError, match="too many nested sequences"):  # wherever the stack ends
        read(depth)


def test_number_of_header_entries_has_a_limit(tmp_path):
    data = dicom(rgb())
    start = data.index(b"\x08\0\x60\0CS")  # the modality
    for count, readable in ((MAX_READS - 200, True), (MAX_READS + 1, False)):
        path = write(tmp_path, data[:start] + b"\x08\0\x5f\0LO\0\0" * count + data[start:])
        if readable:
            assert np.array_equal(read_image(path), rgb())
        else:
            with pytest.raises(ValueError, match="too many entries"):
                read_image(path)


def test_missing_pydicom(files, tmp_path, monkeypatch):
    def refuse(name, *args, **kwargs):
        if name.startswith("pydicom"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    path = write(tmp_path, files["color plain"])
    message = r"could not read '.*image\.dcm': DICOM files need pydicom.*sklearn-melanoma\[dicom\]"
    with pytest.raises(ImportError, match=message):
        read_image(path)
    with pytest.raises(ImportError, match=message):
        make_melanoma_pipeline("survey")["features"].set_params(on_error="skip").transform([path])


def test_broken_files_are_skipped(files, tmp_path):
    paths = [write(tmp_path, files["color JPEG"], "a"), write(tmp_path, files["color JPEG"][:-500], "b")]
    with pytest.warns(SkippedImagesWarning) as caught:
        rows = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip").fit_transform(paths)
    assert list(caught[0].message.skipped) == [1]
    assert rows["area"].gt(0).tolist() == [True, False]


EDITED = ("plain", "implicit", "deflated", "YBR_FULL_422", "JPEG of RGB", "RLE of 16 bits", "JPEG 2000", "fragments")


@given(
    st.sampled_from([f"color {name}" for name in EDITED] + ["palette 8 bits", "gray JPEG inverted"]),
    st.lists(
        st.tuples(st.floats(0, 1), st.booleans(), st.one_of(st.binary(min_size=1, max_size=4), st.just(b"\xff" * 4))),
        min_size=1,
        max_size=4,
    ),
)
@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_edited_file_gives_image_or_error(files, tmp_path, name, changes):
    data = bytearray(files[name])
    for place, is_header, value in changes:
        at = int(place * (700 if is_header else len(data)))
        data[at : at + len(value)] = value
    path = write(tmp_path, bytes(data))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The scale of|.*almost black|The color profile")
        try:
            result = read_image(path, max_side=384)
        except ValueError as error:
            result = error
    assert isinstance(result, np.ndarray) or str(result).startswith(f"could not read {str(path)!r}: ")


# Patients


def test_identity_stays_in_the_file(tmp_path, capsys, caplog):
    secrets = "|".join(map(re.escape, SECRETS))
    attributes = IDENTITY | {"PatientAge": "061Y", "PixelSpacing": [0.02, 0.02]}
    paths = [write(tmp_path, dicom(rgb() + number, **attributes), f"{number}.dcm") for number in range(2)]
    paths += [write(tmp_path, dicom([jpeg()], syntax=JPEGBaseline8Bit, **attributes), "jpeg.dcm")]
    lesions = ImageReader().fit_transform(paths)
    cache = tmp_path / "cache"
    features = make_melanoma_pipeline("survey", memory=str(cache))["features"]
    rows = features.fit_transform(paths)
    said = [repr(lesions), repr(vars(lesions[0])), repr(features), rows.to_csv()]
    for number, options in enumerate(
        (
            {"NumberOfFrames": 2},
            {"BitsStored": 5},
            {"Rows": 9000},
            {"PhotometricInterpretation": "CIELAB"},
            {"SpecificCharacterSet": "NOT A SET", "Columns": 0},
        )
    ):
        path = write(tmp_path, dicom(rgb(), **IDENTITY, **options), f"broken{number}")
        with pytest.raises(ValueError, match="could not read") as caught:
            read_image(path)
        said += [str(caught.value), repr(caught.value.__cause__)]
    said += [*capsys.readouterr(), caplog.text]
    stored = [file.read_bytes().decode("latin-1") for file in cache.rglob("*") if file.is_file()]
    assert stored
    for text in (*said, *stored):
        assert not re.search(secrets, text)
    assert re.search(secrets, Path(paths[0]).read_bytes().decode("latin-1"))
