"""Pictures that are committed: ``python docs/screenshots.py``.

They are the overview of the README and screenshots of a report of synthetic images, which need Chromium.
"""

import runpy
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import make_report
from sklearn_melanoma.model_selection import hide_labels

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # for tests


def make_page(folder: Path) -> Path:
    data = make_lesions(260, random_state=0, sticker=0.05)
    names = [folder / f"lesion_{number:03d}.png" for number in range(260)]
    for name, image in zip(names, data.images, strict=True):
        Image.fromarray(image).save(name)
    model = make_melanoma_pipeline().fit(names[:100], hide_labels(data.target[:100], 20, random_state=0))
    labels = data.target[100:].copy()
    labels[::9] = -1
    random = np.random.default_rng(0)
    metadata = pd.DataFrame({"site": random.choice(["back", "leg", "arm"], 160), "age": random.integers(20, 90, 160)})
    path = folder / "report.html"
    make_report(model, names[100:], labels, metadata=metadata, threshold=0.5, title="Synthetic lesions").save(path)
    return path


def save_screenshot(page: Path, name: str, *, first: str, last: str, **options: object) -> None:
    """Save the page from one element to the end of another."""
    from tests.inspection._browser import Page, find_chromium

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Page(find_chromium(), folder, height=2000, **options) as browser,
    ):
        browser.open(page.as_uri())
        browser.run(f"document.querySelector({first!r}).scrollIntoView()")
        browser.settle()
        shot = Path(folder) / "shot.png"
        browser.save_screenshot(shot)
        height = round(browser.run(f"document.querySelector({last!r}).getBoundingClientRect().bottom")) + 8
        save_small(shot.read_bytes(), name, height=height)


def save_overview() -> None:
    figure = runpy.run_path(str(HERE / "figures" / "overview.py"))["draw"]()
    buffer = BytesIO()
    figure.savefig(buffer, dpi=150)
    save_small(buffer.getvalue(), "overview.png")


def save_small(png: bytes, name: str, *, height: int | None = None) -> None:
    image = Image.open(BytesIO(png)).convert("RGB")
    image.crop((0, 0, image.width, height or image.height)).quantize(128).save(HERE / "_static" / name, optimize=True)


if __name__ == "__main__":
    save_overview()
    with tempfile.TemporaryDirectory() as folder:
        page = make_page(Path(folder))
        save_screenshot(page, "report.png", first="header", last=".scroll", width=780)
        save_screenshot(page, "report_phone.png", first="#cards", last=".card", width=400, dark=True)
