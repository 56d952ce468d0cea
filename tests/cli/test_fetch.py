"""Command ``fetch``, without a network."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sklearn_melanoma import datasets
from sklearn_melanoma.cli import _outputs, app
from sklearn_melanoma.datasets import _catalog, _download
from sklearn_melanoma.datasets import _fetch as datasets_fetch

pytest.importorskip("pooch")


def run(*arguments, exit_code=0, **options):
    result = CliRunner().invoke(app, ["fetch", *map(str, arguments)], **options)
    assert result.exit_code == exit_code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def downloads(monkeypatch):
    """Replace the download of a file by a function that makes it, and return the names of the files."""
    names = []

    def fetch_file(remote, folder, progress=None):
        names.append(remote.name)
        if progress:
            progress(remote.name, 5, 10)
        if remote.part == "tables":
            (folder / remote.name).write_text("image_id,melanoma,seborrheic_keratosis\nISIC_1,1,0\n")
        else:
            ending = "_segmentation.png" if remote.part == "masks" else ".jpg"
            (folder / remote.target).mkdir()
            (folder / remote.target / f"ISIC_1{ending}").touch()

    monkeypatch.setattr(datasets_fetch, "fetch_file", fetch_file)
    return names


def test_fetches_parts_of_a_free_set(downloads, tmp_path):
    output = run("isic2017", tmp_path / "new", "--split", "test")
    assert downloads == [
        "ISIC-2017_Test_v2_Data.zip",
        "ISIC-2017_Test_v2_Part1_GroundTruth.zip",
        "ISIC-2017_Test_v2_Part3_GroundTruth.csv",
    ]
    assert "Citation: N. C. F. Codella" in output
    started = f"Terms: CC0. Downloading {', '.join(downloads)} to {tmp_path / 'new'}"
    assert f"{started} Here: 1 images, 1 with a mask; 1 melanomas" in output
    again = run("isic2017", tmp_path / "new", "--split", "test")
    assert len(downloads) == 3
    assert again.startswith("Here: 1 images, 1 with a mask; 1 melanomas")


def test_tables_alone(downloads, tmp_path):
    output = run("isic2017", tmp_path, "--part", "tables", "--split", "test")
    assert output.endswith(f"1 files downloaded to {tmp_path}. Not all parts that the loader needs are there yet.")


def test_asks_for_consent(downloads, tmp_path, monkeypatch):
    arguments = ["isic2019", tmp_path / "new", "--part", "images", "--split", "training"]
    message = run(*arguments, exit_code=1)
    assert "The terms of ISIC 2019 are: CC BY-NC 4.0. --accept-license accepts them." in message
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(_outputs, "sys", terminal)
    assert "are: CC BY-NC 4.0. Accept them? [y/N]" in run(*arguments, input="n\n", exit_code=1)
    assert downloads == []
    assert not (tmp_path / "new").exists()
    run(*arguments, input="y\n")
    run("isic2020", tmp_path, "--part", "tables", "--split", "test", "--accept-license")
    assert downloads == ["ISIC_2019_Training_Input.zip", "ISIC_2020_Test_Metadata.csv"]


def test_code_does_the_same(downloads, tmp_path):
    options = ["--part", "tables", "--split", "test"]
    for name, dataset in _catalog.DATASETS.items():
        if dataset.files:
            result = CliRunner().invoke(app, ["fetch", name, str(tmp_path / name), "--show-code", "--part", "images"])
            compile(result.stdout, "code", "exec")
            assert result.stdout.splitlines()[0].rpartition(" ")[2] in datasets.__all__
    code = CliRunner().invoke(app, ["fetch", "isic2020", str(tmp_path), *options, "--show-code"]).stdout
    assert downloads == []
    exec(compile(code, "code", "exec"), {})
    assert downloads == ["ISIC_2020_Test_Metadata.csv"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["ph2"], 1, "PH² must be downloaded by hand, from https://www.fc.up.pt"),
        (["isic2021"], 2, "'isic2021' is not one of 'isic2016', 'isic2017'"),
        (
            ["isic2017", "--part", "photos"],
            1,
            "--part must be one of 'images', 'masks', 'tables' for ISIC 2017, got 'photos'",
        ),
        (["ham10000", "--split", "test"], 1, "--split must be left out for HAM10000, which has none, got ['test']"),
    ],
)
def test_invalid(tmp_path, arguments, exit_code, message):
    name, *options = arguments
    assert message in run(name, tmp_path, *options, exit_code=exit_code)


def test_without_pooch(tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "find_spec", lambda name: None)
    assert "pip install 'sklearn-melanoma[fetch]'" in run("isic2017", tmp_path, exit_code=1)
