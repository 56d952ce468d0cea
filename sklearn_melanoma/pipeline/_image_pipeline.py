"""Image steps chained, a few images at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import starmap
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._base import Composite, tag_image_input
from sklearn_melanoma._callbacks import Countdown, FitTask, learns, n_parts
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, HasMethods, Interval, StrOptions, with_callbacks
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_images, element_of_error
from sklearn_melanoma.pipeline._batches import Batch, Outcome, Part, Transformed, run_batch
from sklearn_melanoma.pipeline._warnings import warn_of


class ImagePipeline(CallbackSupportMixin, TransformerMixin, Composite, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Chain of image steps that takes a few images at a time through all of them.

    It has the interface of :class:`~sklearn.pipeline.Pipeline` but keeps only what the last
    step returns: memory is bounded by the batch, whatever the number of images.

    Parameters
    ----------
    steps : list of (str, transformer)
        Names and transformers, each taking what the one before returns. ``"passthrough"``
        skips a step.
    batch_size : int, default=16
        Number of images that pass the steps together. Up to 64, what several families of features
        share is found once for each image.
    n_jobs : int, optional
        Number of processes, or what :func:`joblib.parallel_config` says. Use it on one level
        only: here or in the search around it.
    on_error : {"raise", "skip"}, default="raise"
        What happens when an image can't be read or measured. "raise" stops with an error that
        names it; "skip" goes on, warns once, and treats it as an image without a lesion: its
        features are NaN, its image is one black pixel. The :class:`SkippedImagesWarning` lists
        all images skipped, and why.
    memory : str or PathLike, optional
        Folder in which the rows of images are kept, for this pipeline and for all that use the same
        folder, now or later, in this process or another: :doc:`/guide/memory` says what they are known
        by. Of a :class:`joblib.Memory`, its folder is used. By default, nothing is kept.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name.

    See Also
    --------
    make_melanoma_pipeline : The whole way from images to diagnoses.

    Notes
    -----
    ``fit`` never hands ``y`` to the steps: it holds diagnoses, where a step that learns would
    need masks. Fit such a step before, and freeze it with
    :class:`~sklearn.frozen.FrozenEstimator`. Steps that learn without labels are fitted in
    order, on the output of the steps before, which is computed when an image is asked for, and not
    kept in `memory`.

    Only rows of numbers are kept, neither images nor lesions: a pipeline whose last step makes
    lesions works as without `memory`.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import MorphologyFeatures
    >>> from sklearn_melanoma.images import ImageReader
    >>> from sklearn_melanoma.pipeline import ImagePipeline
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> photos = make_lesions(4, random_state=0).images
    >>> measure = ImagePipeline([
    ...     ("read", ImageReader()),
    ...     ("segment", WatershedSegmenter()),
    ...     ("measure", MorphologyFeatures("survey")),
    ... ])
    >>> measure.fit_transform(photos).shape
    (4, 3)
    >>> measure[:-1].transform(photos)[0].mask.shape
    (192, 256)
    """

    _parts = "steps"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "steps": [list, tuple],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "on_error": [StrOptions({"raise", "skip"})],
        "memory": [str, os.PathLike, HasMethods("cache"), None],
    }

    def __init__(
        self,
        steps: list[tuple[str, Any]],
        *,
        batch_size: int = 16,
        n_jobs: int | None = None,
        on_error: str = "raise",
        memory: PathLike | None = None,
    ):
        self.steps = steps
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.memory = memory

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the steps that learn, in order; check the parameters of all.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions. Read only if a step learns from them.
        y : None
            Ignored.

        Returns
        -------
        self
            The pipeline itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter is wrong, or a step is no transformer.
        """
        steps, images = self._check_steps(), check_images(X)
        with FitTask(self, images, y, sum(map(learns, steps))) as task:
            self._fit_steps(steps, images, task)
        return self

    @with_callbacks
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the steps that learn, in order, and take every image through all steps.

        With scikit-learn 1.9, callbacks hear of each batch.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_images, n_features), DataFrame, or list
            What `transform` returns; it raises and warns alike.
        """
        steps, images = self._check_steps(), check_images(X)
        n_tasks = sum(map(learns, steps)) + n_parts(len(images), self.batch_size)
        with FitTask(self, images, y, n_tasks, name="fit-transform") as task:
            self._fit_steps(steps, images, task)
            outcome, rows = self._take_through(steps, images, Countdown(task, "batch", len(images), self.batch_size))
        warn_of(outcome, self.memory)
        return rows

    def _fit_steps(self, steps: list[Any], images: Sequence[Any], task: FitTask) -> None:
        for position, (name, step) in enumerate(self._named()):
            with task.fitting(f"fit-{name}", step):
                # FrozenEstimator insists on a y.
                step.fit(Transformed(images, steps[:position]) if position else images, None)

    def transform(self, X: Any) -> Any:
        """Take every image through all steps.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.

        Returns
        -------
        ndarray of shape (n_images, n_features), DataFrame, or list
            The last step's output for all images, in their order.

        Raises
        ------
        ValueError, TypeError, OSError
            If an image can't be read or is none; the message names it by position and path.
            What came out for the images of earlier batches is in the error's attribute
            ``computed``. Not with ``on_error="skip"``.

        Warns
        -----
        UserWarning
            Once, naming the images in which no lesion was found; once if `memory` can't be used; and each
            time that a worker process was lost, and what it worked on was done again.
        SkippedImagesWarning
            Once, naming the images that were skipped; its attribute ``skipped`` lists all of them.
        """
        steps, images = self._check_steps(), check_images(X)
        outcome, rows = self._take_through(steps, images)
        warn_of(outcome, self.memory)
        return rows

    def clear_memory(self) -> Self:
        """Forget all rows kept in the folder of `memory`, those of other pipelines too.

        Other processes may go on meanwhile; they keep what they hold.

        Returns
        -------
        self
            The pipeline itself.

        Raises
        ------
        OSError
            If the file in the folder can't be written to.
        """
        self._validate_params()
        folder = self._folder()
        if folder is not None:
            from sklearn_melanoma.pipeline._memory.cache import RowCache

            RowCache(folder).clear()
        return self

    def _folder(self) -> str | None:
        location = getattr(self.memory, "location", self.memory)  # that of a joblib.Memory
        if location is not None and not os.fspath(location):
            raise ValueError("memory must name a folder, got ''. Use None to keep nothing.")
        return None if location is None else os.fspath(location)

    def _take_through(
        self, steps: list[Any], images: Sequence[Any], tell: Callable[[int], None] = lambda n_open: None
    ) -> tuple[Outcome, Any]:
        """Take all images through all steps, those known from `memory` excepted; `tell` how many are left."""
        folder, problem = self._folder(), None
        if folder is not None and len(images):
            # Here, for it brings SQLite along.
            from sklearn_melanoma.pipeline._memory.outcome import NotKeptError, Remembered

            try:
                remembered = Remembered(folder, steps, images)
                return remembered, self._work_on(remembered, tell)
            except NotKeptError as error:
                problem = str(error) or None
        outcome = Outcome(steps, images, problem)
        return outcome, self._work_on(outcome, tell)

    def _work_on(self, outcome: Outcome, tell: Callable[[int], None]) -> Any:
        """Return what comes out for all images; an error takes along what came out before."""
        try:
            with outcome:
                tell(n_open := outcome.n_open)
                for batches in outcome.rounds(self.batch_size):
                    for part in self._run(batches, outcome):
                        outcome.add(part)
                        tell(n_open := n_open - len(part.positions))
                    tell(n_open := outcome.n_open)  # less, where others did some of the work
        except Exception as error:
            if outcome.n_done:
                vars(error)["computed"] = outcome.output()
                error.add_note(f"What came out for the first {outcome.n_done} images is in `computed` of this error.")
            if element_of_error(error) is not None and self.on_error == "raise":
                error.add_note("on_error='skip' goes on without images that can't be read or measured.")
            raise
        return outcome.output()

    def _run(self, batches: Iterable[Batch], outcome: Outcome) -> Iterator[Part]:
        def arguments(batch: Batch) -> tuple[Batch, list[Any], str]:
            return batch, [outcome.images[i] for i in batch.positions], self.on_error

        if outcome.n_open <= self.batch_size:
            # No workers for one batch: setting them up takes as long as a small image.
            return starmap(run_batch, map(arguments, batches))
        return run_in_parallel(run_batch, batches, self.n_jobs, arguments=arguments)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container of what the last step returns, as every scikit-learn transformer does.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            None leaves it as it is.

        Returns
        -------
        self
            The pipeline itself.
        """
        for step in self._active():
            step.set_output(transform=transform)
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of the last step.

        Parameters
        ----------
        input_features : array-like of str, optional
            Handed to the first step.

        Returns
        -------
        ndarray of shape (n_features,), dtype object
            One name for each column.
        """
        names = input_features
        for step in self._active():
            names = step.get_feature_names_out(names)
        return np.asarray(names, dtype=object)

    @property
    def named_steps(self) -> Bunch:
        """The steps by name."""
        return Bunch(**dict(self.steps))

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int | str | slice) -> Any:
        """Return a step by position or name, or a pipeline of some of the steps, which are shared."""
        if isinstance(index, slice):
            return type(self)(
                self.steps[index], **{k: v for k, v in self.get_params(deep=False).items() if k != "steps"}
            )
        return self.named_steps[index] if isinstance(index, str) else self.steps[index][1]

    def __sklearn_is_fitted__(self) -> bool:
        try:
            for step in self._active():
                check_is_fitted(step)
        except NotFittedError:
            return False
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = tag_image_input(super().__sklearn_tags__())
        tags.requires_fit = any(get_tags(step).requires_fit for step in self._active())
        return tags

    def _sk_visual_block_(self) -> Any:
        """Let scikit-learn draw the steps as those of its own pipeline."""
        return Pipeline(self.steps)._sk_visual_block_()

    def _named(self) -> list[tuple[str, Any]]:
        return [(name, step) for name, step in self.steps if step is not None and step != "passthrough"]

    def _active(self) -> list[Any]:
        return [step for _, step in self._named()]

    def _check_steps(self) -> list[Any]:
        self._validate_params()
        if not self.steps:
            raise ValueError("steps must hold at least one (name, transformer), got none.")
        self._validate_names([name for name, _ in self.steps])
        steps = self._active()
        for step in steps:
            if isinstance(step, type) or not (hasattr(step, "fit") and hasattr(step, "transform")):
                raise TypeError(
                    f"every step must be a transformer with fit and transform, or 'passthrough'; got {step!r}."
                )
        return steps
