"""Files with several pages or frames: a warning, unless the others are smaller copies of the first."""

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from sklearn_melanoma._io.pages import count_pages
from sklearn_melanoma.images import read_image, read_mask

FULL, REDUCED, PAGE, TRANSPARENCY = 0, 1, 2, 4
COLORS = (200, 100, 50)


def write_tiff(path, pages, **options):
    """Write a TIFF with pages of (height, width, kind), of one color each."""
    with tifffile.TiffWriter(path, **options) as file:
        for (height, width, kind), color in zip(pages, COLORS, strict=False):
            if kind == TRANSPARENCY:
                pixels, photometric = np.ones((height, width), bool), "mask"
            else:
                pixels, photometric = np.full((height, width, 3), color, np.uint8), "rgb"
            file.write(pixels, photometric=photometric, subfiletype=kind, metadata=None)
    return path


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}])
@pytest.mark.parametrize(
    ("pages", "n_pages"),
    [
        ([(30, 40, FULL)], 1),
        ([(30, 40, FULL), (30, 40, FULL), (30, 40, FULL)], 3),
        ([(30, 40, PAGE), (30, 40, PAGE)], 2),
        ([(30, 40, FULL), (15, 20, FULL)], 1),  # a thumbnail without a mark
        ([(30, 40, FULL), (20, 20, FULL)], 2),
        ([(30, 40, FULL), (20, 20, REDUCED), (8, 10, REDUCED)], 1),
        ([(30, 40, FULL), (30, 40, TRANSPARENCY)], 1),
        ([(15, 20, REDUCED), (30, 40, FULL)], 2),  # the first page is the thumbnail
    ],
)
def test_pages_of_tiff(tmp_path, pages, n_pages, options):
    path = write_tiff(tmp_path / "pages.tif", pages, **options)
    if n_pages == 1:
        assert read_image(path)[0, 0, 0] == COLORS[0]
        return
    with pytest.warns(
        UserWarning, match=rf"pages\.tif' has {n_pages} pages or frames .* only the first is read"
    ) as caught:
        assert read_image(path)[0, 0, 0] == COLORS[0]
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_frames_of_animations(tmp_path, suffix):
    frames = [Image.new("RGB", (40, 30), (color, 0, 0)) for color in COLORS]
    frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.warns(UserWarning, match=rf"moving\.{suffix}' has 3 pages or frames"):
        assert read_image(tmp_path / f"moving.{suffix}")[0, 0, 0] == COLORS[0]


def test_masks_of_several_pages(tmp_path):
    masks = [Image.fromarray(np.arange(64).reshape(8, 8) < number) for number in (20, 40)]
    masks[0].save(tmp_path / "mask.tif", save_all=True, append_images=masks[1:])
    with pytest.warns(UserWarning, match=r"mask\.tif' has 2 pages"):
        assert read_mask(tmp_path / "mask.tif").sum() == 20


def test_further_pictures_of_cameras_are_no_pages(tmp_path):
    image = Image.new("RGB", (40, 30), "red")
    image.save(tmp_path / "several.jpg", "MPO", save_all=True, append_images=[image])
    with Image.open(tmp_path / "several.jpg") as opened:
        assert opened.n_frames == 2
    assert read_image(tmp_path / "several.jpg").shape == (30, 40, 3)


def test_open_image_is_read_at_its_page(tmp_path):
    with Image.open(write_tiff(tmp_path / "pages.tif", [(30, 40, FULL)] * 2)) as image:
        image.seek(1)
        assert read_image(image)[0, 0, 0] == COLORS[1]


@pytest.mark.parametrize("bigtiff", [False, True])
def test_damaged_pages_are_not_counted(tmp_path, bigtiff):
    data = write_tiff(tmp_path / "pages.tif", [(3, 4, FULL)] * 3, bigtiff=bigtiff).read_bytes()
    image = SimpleNamespace(format="TIFF")
    counts = [count_pages(image, data[:length]) for length in range(4, len(data) + 1)]
    assert (counts[0], counts[-1]) == (1, 3)
    assert sorted(counts) == counts


def test_pages_in_a_circle_end(tmp_path):
    path = write_tiff(tmp_path / "pages.tif", [(3, 4, FULL)] * 2)
    with tifffile.TiffFile(path) as file:
        first, second = (page.offset for page in file.pages)
    data = bytearray(path.read_bytes())
    end = second + 2 + 12 * int.from_bytes(data[second : second + 2], "little")
    assert data[end : end + 4] == bytes(4)
    data[end : end + 4] = first.to_bytes(4, "little")
    assert count_pages(SimpleNamespace(format="TIFF"), bytes(data)) == 2
