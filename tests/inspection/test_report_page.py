"""The page of a report in headless Chromium: it renders, sorts, filters and escapes, and requests nothing."""

import contextlib
import tempfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.inspection import make_report
from tests.inspection._browser import Page, find_chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium: apt-get install chromium"),
]

HOSTILE = "<img src=x onerror=window.hacked=1></script><script>window.hacked=2</script>"


@contextlib.contextmanager
def open_page(path, **options):
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        Page(find_chromium(), folder, **options) as page,
    ):
        page.open(path.as_uri())
        page.settle()
        yield page


@pytest.fixture(scope="module")
def report(lesions, model):
    y = lesions.target.copy()
    y[::5] = -1
    metadata = pd.DataFrame({"site": np.resize(["back", "leg", "arm"], 40), "note": ["", HOSTILE] * 20})
    return make_report(model, [*lesions.images[:39], "gone.jpg"], y, metadata=metadata, title=f"Lesions {HOSTILE}")


@pytest.fixture(scope="module")
def path(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    report.save(path)
    return path


@pytest.fixture(scope="module")
def shared_page(path):
    with open_page(path) as page:
        yield page


@pytest.fixture
def page(shared_page, path):
    shared_page.open(path.as_uri())
    shared_page.settle()
    return shared_page


def choose(page, name, value):
    page.run(f"byId('{name}').value = {value!r}; byId('{name}').dispatchEvent(new Event('change'))")


def list_cards(page):
    """Return the positions of the cards, in their order; cards below the first ones are made on demand."""
    page.run("addCards(1000)")
    return page.run("[...document.querySelectorAll('.card')].map(card => Number(card.id.slice(5)))")


def test_page_renders_without_errors_and_requests(page, path):
    assert page.problems == []
    assert {url for url in page.requests if not url.startswith("data:")} == {path.as_uri()}
    assert page.run("document.querySelectorAll('.chart').length") == 3
    assert len(list_cards(page)) == 39
    assert page.run("byId('count').textContent") == "39 of 39 images"
    broken = "[...document.querySelectorAll('.picture img')].slice(0, 4).filter(image => !image.naturalWidth).length"
    assert page.run(broken) == 0


def test_texts_are_texts(page):
    list_cards(page)
    assert page.run("window.hacked") is None
    assert page.run("document.querySelectorAll('script').length") == 2
    assert page.run("document.querySelector('h1').textContent") == f"Lesions {HOSTILE}"
    assert HOSTILE in page.run("document.querySelector('.cards').textContent")


def test_a_foreign_script_does_not_run(path, tmp_path):
    page_with_script = tmp_path / "page.html"
    text = path.read_text("utf-8").replace("</body>", "<script>window.hacked = 3</script></body>")
    page_with_script.write_text(text, "utf-8")
    with open_page(page_with_script) as page:
        assert page.run("window.hacked") is None


def test_sorting(page, report):
    score = report.table["score"].to_numpy()[:39]
    assert list_cards(page) == list(np.argsort(-score, kind="stable"))
    choose(page, "sort", "score, lowest first")
    assert list_cards(page) == list(np.argsort(score, kind="stable"))
    choose(page, "sort", "least certain first")
    assert list_cards(page)[0] == np.argmin(np.abs(score - 0.5))
    choose(page, "sort", "given order")
    assert list_cards(page) == list(range(39))
    choose(page, "sort", "wrong predictions first")
    table = report.table[:39]
    n_wrong = int((table["label"].notna() & (table["label"] != table["prediction"])).sum())
    first = table.iloc[list_cards(page)[: n_wrong + 1]]
    assert (first["label"][:n_wrong] != first["prediction"][:n_wrong]).all()


def test_several_classes_without_a_positive_one(lesions, tmp_path):
    y = np.resize(["bkl", "mel", "nv"], 40)
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, y)
    report = make_report(model, lesions.images, y)
    report.save(tmp_path / "report.html")
    score = report.table["score"].to_numpy().round(4)  # as on the page
    with open_page(tmp_path / "report.html") as page:
        choose(page, "sort", "least certain first")
        assert list_cards(page) == list(np.argsort(score, kind="stable"))
        choose(page, "sort", "wrong predictions first")
        wrong = (report.table["label"] != report.table["prediction"]).to_numpy()
        assert list_cards(page)[0] == np.argmax(np.where(wrong, score, 0))
        assert page.run("document.querySelectorAll('.badge.positive').length") == 0


def test_filters_and_search(page, report):
    table = report.table[:39]
    choose(page, "predicted", "1")
    assert set(list_cards(page)) == set(np.flatnonzero(table["prediction"] == 1))
    choose(page, "label", "-1")
    both = (table["prediction"] == 1) & table["label"].isna()
    assert set(list_cards(page)) == set(np.flatnonzero(both))
    assert page.run("byId('count').textContent") == f"{both.sum()} of 39 images"
    choose(page, "predicted", "")
    choose(page, "label", "")
    flags = [name for name in table.columns[4:11] if table[name].any()]
    number = page.run(f"String(data.flags.findIndex(flag => flag[0] === {flags[0]!r}))")
    choose(page, "flag", number)
    assert set(list_cards(page)) == set(np.flatnonzero(table[flags[0]]))
    choose(page, "flag", "")
    page.run("byId('search').value = 'LEG'; byId('search').dispatchEvent(new Event('input'))")
    assert list_cards(page)
    assert {position % 3 for position in list_cards(page)} == {1}
    page.run("byId('search').value = 'no such image'; byId('search').dispatchEvent(new Event('input'))")
    assert list_cards(page) == []


def test_similar_lesions_lead_to_their_cards(page):
    choose(page, "label", "-1")
    page.run("var first = order[0]; document.querySelector('.card .similar button').click()")
    assert page.run("document.activeElement.className") == "card"
    assert page.run("Number(document.activeElement.id.slice(5)) === items[first].k[0][0]")
    assert page.run("byId('label').value") == ""  # the filter would hide it


def test_keyboard_reaches_the_controls(page):
    reached = []
    for _ in range(20):
        page.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(page.run("document.activeElement.id || document.activeElement.className"))
    assert reached[0] == "skip"
    assert [name for name in reached if name in ("search", "sort", "predicted", "label", "flag", "borders")] == [
        "search", "sort", "predicted", "label", "flag", "borders"
    ]  # fmt: skip


def test_borders_can_be_hidden(page):
    visible = "getComputedStyle(document.querySelector('.picture path')).display"
    assert page.run(visible) != "none"
    page.run("byId('borders').click()")
    assert page.run(visible) == "none"


def test_printing_shows_all_cards_and_no_controls(path):
    with open_page(path) as page:
        page.run("dispatchEvent(new Event('beforeprint'))")
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.run("document.querySelectorAll('.card').length") == 39
        assert page.run("getComputedStyle(document.querySelector('.toolbar')).display") == "none"
        assert page.call("Page.printToPDF")["data"]


@pytest.mark.parametrize("dark", [False, True])
def test_phone(path, dark):
    with open_page(path, width=400, dark=dark) as page:
        assert page.problems == []
        assert page.run("document.documentElement.scrollWidth") == 400
        color = page.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, color[4:-1].split(","))) < 3 * 128) == dark
        small = "[...document.querySelectorAll('.toolbar select')].filter(e => e.offsetHeight < 40).length"
        assert page.run(small) == 0


def test_contrast_of_texts(path):
    # WCAG AA requires 4.5 for text.
    measure = """
    (() => {
      const style = getComputedStyle(document.documentElement);
      const level = (channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
      const light = (name) => {
        const color = style.getPropertyValue(name).trim();
        const [r, g, b] = [1, 3, 5].map((i) => level(parseInt(color.slice(i, i + 2), 16) / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const pairs = [["--ink", "--page"], ["--muted", "--page"], ["--muted", "--card"], ["--raise", "--card"],
        ["--lower", "--card"], ["--flag", "--flag-page"], ["--flag", "--page"]];
      return pairs.map(([a, b]) => [light(a), light(b)].sort((x, y) => y - x)).map(([x, y]) => (x + 0.05) / (y + 0.05));
    })()
    """
    for dark in (False, True):
        with open_page(path, dark=dark) as page:
            assert min(page.run(measure)) >= 4.5


def test_three_classes_and_thousands_of_images(lesions, tmp_path):
    images = [np.asarray(Image.fromarray(image).resize((64, 48))) for image in lesions.images]
    y = np.resize(["bkl", "mel", "nv"], 40)
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(images, y)
    path = tmp_path / "report.html"
    page_text = make_report(model, images, y).html
    # The same cards are repeated, so that the browser gets as many as in a large report.
    start = page_text.index('"items":[') + len('"items":[')
    end = page_text.index("}]}</script>", start) + 1
    items = page_text[start:end]
    path.write_text(page_text[:start] + ",".join([items] * 75) + page_text[end:], "utf-8")
    with open_page(path) as page:
        assert page.problems == []
        assert page.run("byId('count').textContent") == "3000 of 3000 images"
        assert page.run("document.querySelectorAll('.card').length") < 300
        assert page.run("document.querySelector('.card h4').textContent") == "Probability of each class"
        page.run("scrollTo(0, document.body.scrollHeight)")
        page.settle()
        assert page.run("document.querySelectorAll('.card').length") > 48
