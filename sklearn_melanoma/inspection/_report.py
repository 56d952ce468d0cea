"""Report of a model's predictions as one HTML file."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from sklearn_melanoma._base import set_index
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_images
from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma.inspection._models import find_decision, split_model
from sklearn_melanoma.inspection._page import import_jinja2, render_page
from sklearn_melanoma.inspection._report_data import ReportData, number_labels
from sklearn_melanoma.inspection._summary import name_skin_tones, summarize
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.metrics._threshold import read_threshold

if TYPE_CHECKING:
    import pandas as pd


class Report:
    """Report of images, made by :func:`make_report` and shown by notebooks.

    Parameters
    ----------
    data : ReportData
        Numbers of the images.
    names : list of str
        Names of the images on the page.
    metadata : DataFrame, optional
        One row for each image that could be read.
    title : str, default="Lesion report"
        Title of the page.

    Attributes
    ----------
    table : DataFrame
        Numbers of each image.
    html : str
        The page.
    results : DataFrame or None
        Output of :func:`~sklearn_melanoma.metrics.score_report` for the labeled images; None without labels of two
        classes.
    results_by : dict of str to DataFrame
        The keys are names of columns of the metadata, and "skin tone". Each table has the results for every value of
        this column.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import make_report
    >>> lesions = make_lesions(12, image_size=(96, 128), random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> report = make_report(model, lesions.images)
    >>> report.table["prediction"].shape
    (12,)
    """

    def __init__(
        self, data: ReportData, names: list[str], metadata: pd.DataFrame | None = None, title: str = "Lesion report"
    ):
        self._data = data
        self._names = names
        self._metadata = metadata
        self._title = title
        self._summary = summarize(data, metadata)
        self.results = self._summary.results
        self.results_by = self._summary.by_group

    @cached_property
    def table(self) -> pd.DataFrame:
        """Numbers of each image, with its path or position as index.

        The columns are:

        - ``score``: the score of the positive class, or of the predicted class if there is no positive one.
        - ``prediction``: the predicted class.
        - ``label``: the given label, missing for unlabeled images.
        - ``probability_<class>``: only with more than two classes.
        - the flags and numbers of :func:`quality_flags`.
        - ``skin_ita`` and ``skin_tone``: the individual typology angle of the skin in degrees, and its category.
        - ``contribution_<criterion>`` and ``intercept``: only for a linear model.
        - ``error``: why the image could not be read.
        """
        import pandas as pd

        data = self._data
        classes = pd.Index(data.decision.classes, dtype=object)
        columns: dict[str, Any] = {"score": data.score, "prediction": classes[data.predicted]}
        columns["label"] = pd.Series(classes[data.labels], dtype=object).where(data.labels >= 0).to_numpy()
        if len(classes) > 2:
            columns |= {f"probability_{name}": data.scores[:, i] for i, name in enumerate(classes)}
        after: dict[str, Any] = {"skin_ita": data.skin_ita, "skin_tone": name_skin_tones(data.skin_ita)}
        if data.contributions is not None:
            criteria, sums = data.by_criterion
            after |= {f"contribution_{name.replace(' ', '_')}": sums[:, i] for i, name in enumerate(criteria)}
            after["intercept"] = data.contributions.intercept
        quality = data.make_quality_table()
        first, last = (pd.DataFrame(values, index=data.readable).reindex(quality.index) for values in (columns, after))
        table = pd.concat([first, quality.drop(columns="error"), last, quality[["error"]]], axis=1)
        return set_index(table, data.X)

    @cached_property
    def html(self) -> str:
        """The page, a complete HTML file that needs no other files and no network."""
        return render_page(self._data, self._summary, self._names, self._metadata, self._title)

    def save(self, path: PathLike) -> None:
        """Write the page to a file.

        Parameters
        ----------
        path : path-like
            The file, such as ``"report.html"``. An existing file is replaced.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        Path(path).write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        # Scripts of the page run in the frame, separately from the scripts of the notebook.
        page = escape(self.html)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts allow-modals" title="{escape(self._title)}" '
            'style="width: 100%; height: 800px; border: 0"></iframe>'
        )

    def __repr__(self) -> str:
        n_errors = len(self._data.records) - len(self._data.readable)
        return f"Report({len(self._data.records)} images, {n_errors} of them unreadable)"


def make_report(
    model: Any,
    images: Any,
    y: ArrayLike | None = None,
    *,
    metadata: pd.DataFrame | None = None,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    threshold: Threshold | float | None = None,
    title: str = "Lesion report",
) -> Report:
    """Make a report of a model's predictions, with an explanation of each.

    The page has a summary and a card for each image. A card shows the border and the score. It explains the score by
    the contribution of each criterion, and by the features with the largest contributions. It also shows the most
    similar labeled lesions and the quality flags. The page can be sorted, filtered, searched and printed.

    Parameters
    ----------
    model : estimator
        A fitted pipeline of images, for example from :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline`, or a
        search, threshold or calibration around it.
    images : sequence of images, or DataFrame
        Paths, arrays, PIL images or lesions. For a model of tables, a table. Each image is read once. The report lists
        images that can't be read.
    y : array-like of shape (n_images,), optional
        Labels, -1 for unlabeled images. They are needed for the results and for the similar lesions. The results are
        too good if the model was fitted to these images.
    metadata : DataFrame with n_images rows, optional
        Columns to show and to search, such as age and site. Columns with 2 to 12 different values make groups, and each
        group gets its own results. For numbers, pass ranges, as :func:`pandas.cut` makes them. Defaults to the other
        columns of the table, for a model of tables.
    groups : array-like of shape (n_images,), optional
        Lesion or patient of each image. Results and intervals count groups. Images of the same group are not shown as
        similar lesions.
    pos_label : label, optional
        Label of the positive class. Defaults to the positive class of the classifier, else to 1 or True for the labels
        0 and 1, or False and True. For more than two classes, it can be left out; then the predicted class is
        explained.
    threshold : Threshold or float, optional
        Lowest score that counts as positive, for a model of two classes. Defaults to the threshold of the model, else
        to 0.5 for a probability.
    title : str, default="Lesion report"
        Title of the page.

    Returns
    -------
    Report
        The report. A notebook shows it, ``save(path)`` writes it, and ``table`` holds its numbers.

    Raises
    ------
    TypeError
        If the image steps of `model` can't be found, or `metadata` is not a DataFrame.
    ValueError
        If `y`, `metadata` or `groups` do not fit the images. If a label is not a class of the model, or the positive
        class can't be determined.
    NotFittedError
        If the model is not fitted.
    ImportError
        If Jinja2 is not installed.

    See Also
    --------
    ContributionDisplay : The contributions for one image as a figure.
    quality_flags : The quality flags as a table.
    sklearn_melanoma.metrics.score_report : The results as a table.

    Notes
    -----
    Contributions are exact for linear classifiers: the contributions and the intercept add up to the decision function.
    They are left out for other classifiers. The percentile of a feature is its rank among the images of the report (in
    :class:`ContributionDisplay`, among the training images). Similar lesions are the nearest images with a label in
    `y`, by Euclidean distance between the features as the classifier sees them. The training images are not among them,
    because a model does not keep them. Skin tones follow from the individual typology angle. They are only approximate,
    because dermoscopic images are not calibrated.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import make_report
    >>> lesions = make_lesions(30, random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images[:20], lesions.target[:20])
    >>> report = make_report(model, [*lesions.images[20:], "gone.jpg"], [*lesions.target[20:], -1])
    >>> report
    Report(11 images, 1 of them unreadable)
    >>> report.table[["score", "prediction", "hair"]].shape
    (11, 3)
    >>> with TemporaryDirectory() as folder:
    ...     report.save(Path(folder, "report.html"))
    """
    import_jinja2()  # raises an error before the images are read
    parts, decision = split_model(model), find_decision(model, pos_label)
    if threshold is not None:
        if len(decision.classes) > 2:
            raise ValueError(f"threshold must be left out for {len(decision.classes)} classes, got {threshold!r}.")
        decision = decision._replace(threshold=read_threshold(threshold))
    n_images = len(images) if parts.takes_table else len(check_images(images))
    labels = number_labels(y, n_images, decision.classes)
    if groups is not None:
        groups = encode_groups(groups, n_images=n_images)
    if metadata is None and parts.takes_table:
        metadata = images[[name for name in images.columns if name != parts.images.image_]]
    if metadata is not None:
        if not hasattr(metadata, "iloc") or not hasattr(metadata, "columns"):
            raise TypeError(f"metadata must be a pandas DataFrame, got {type(metadata).__name__}.")
        if len(metadata) != n_images:
            raise ValueError(f"metadata must have one row for each of the {n_images} images, got {len(metadata)}.")
    data = ReportData(images, parts, decision, labels, groups)
    known = None if metadata is None else metadata.iloc[data.readable]
    return Report(data, name_images([record.source for record in data.records]), known, title)


def name_images(sources: list[str | None]) -> list[str]:
    """Return a name for each image: its path in the common folder of all images, or its position.

    Parameters
    ----------
    sources : list of (str or None)
        Paths.

    Returns
    -------
    list of str
        One name for each image.

    Examples
    --------
    >>> name_images(["data/a/1.jpg", "data/b/1.jpg", None])
    ['a/1.jpg', 'b/1.jpg', 'image 2']
    """
    known = [source for source in sources if source is not None]
    folder = _find_folder(known[0]) if known else ""
    while not all(source.startswith(folder) for source in known):
        folder = _find_folder(folder[:-1])
    return [f"image {i}" if source is None else source[len(folder) :] for i, source in enumerate(sources)]


def _find_folder(path: str) -> str:
    return path[: max(path.rfind("/"), path.rfind("\\")) + 1]
