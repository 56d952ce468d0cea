"""Pipeline of image steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import starmap
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._base import N_JOBS, Composite, list_steps, set_index, tag_image_input
from sklearn_melanoma._callbacks import Countdown, FitTask, learns, n_parts
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma._sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    validate_params,
    with_callbacks,
)
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_images, element_of_error
from sklearn_melanoma.pipeline._batches import Batch, BatchResult, Outcome, Transformed, run_batch
from sklearn_melanoma.pipeline._warnings import find_error_action, warn_about_images


class ImagePipeline(CallbackSupportMixin, TransformerMixin, Composite, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Pipeline of image steps that processes images in batches.

    It has the interface of :class:`~sklearn.pipeline.Pipeline` but keeps only the output of the last step. Its memory
    use depends on the batch size, not on the number of images.

    Parameters
    ----------
    steps : list of (str, transformer)
        Names and transformers. Each takes the output of the previous one. ``"passthrough"``
        skips a step.
    batch_size : int, default=16
        Number of images that pass the steps together. If it is 64 or less, intermediate results that several families
        of features need are computed only once per image.
    n_jobs : int, optional
        Number of processes. None uses the setting of :func:`joblib.parallel_config`. Set it on one level
        only: here or in the search around it.
    on_error : {"raise", "skip"}, default="raise"
        Action if an image can't be read or measured. "raise" raises an error that names the image. "skip" continues,
        and warns once. The image then counts as an image without a lesion: its features are NaN. If the last step
        returns lesions, its lesion is one black pixel. The :class:`SkippedImagesWarning` lists all skipped images with
        their errors.
    memory : str, PathLike or joblib.Memory, optional
        Folder of a cache of feature rows, or a :class:`joblib.Memory` with the folder. All pipelines and processes that
        use the same folder use one cache. :doc:`/guide/memory` describes when a cached row is used. By default,
        nothing is cached.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name.

    See Also
    --------
    make_melanoma_pipeline : Pipeline from images to a melanoma score.

    Notes
    -----
    ``fit`` never passes ``y`` to the steps: it holds diagnoses, but a step that learns would need masks. Fit such a
    step first, and freeze it with :class:`~sklearn.frozen.FrozenEstimator`. Steps that learn without labels are fitted
    in order, on the output of the previous steps. This output is computed when an image is accessed, and is not cached.

    `memory` caches only rows of numbers, but no images or lesions. If the last step returns lesions, `memory` has no
    effect.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import MorphologyFeatures
    >>> from sklearn_melanoma.images import ImageReader
    >>> from sklearn_melanoma.pipeline import ImagePipeline
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> images = make_lesions(4, random_state=0).images
    >>> pipeline = ImagePipeline([
    ...     ("read", ImageReader()),
    ...     ("segment", WatershedSegmenter()),
    ...     ("measure", MorphologyFeatures("survey")),
    ... ])
    >>> pipeline.fit_transform(images).shape
    (4, 3)
    >>> pipeline[:-1].transform(images)[0].mask.shape
    (192, 256)
    """

    _parts = "steps"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "steps": [list, tuple],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
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
        """Fit the steps that learn, in order, and check the parameters of all steps.

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
            If a parameter is invalid, or a step is not a transformer.
        """
        steps, images = self._check_steps(), check_images(X)
        with FitTask(self, images, y, sum(map(learns, steps))) as task:
            self._fit_steps(steps, images, task)
        return self

    @with_callbacks
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the steps that learn, in order, and transform all images.

        With scikit-learn 1.9, callbacks are called for each batch.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_images, n_features), DataFrame, or list
            The output of `transform`, with the same errors and warnings.
        """
        steps, images = self._check_steps(), check_images(X)
        n_tasks = sum(map(learns, steps)) + n_parts(len(images), self.batch_size)
        with FitTask(self, images, y, n_tasks, name="fit-transform") as task:
            self._fit_steps(steps, images, task)
            outcome, rows = self._transform_images(
                steps, images, Countdown(task, "batch", len(images), self.batch_size)
            )
        warn_about_images(outcome, self.memory)
        return set_index(rows, X)

    def _fit_steps(self, steps: list[Any], images: Sequence[Any], task: FitTask) -> None:
        for position, (name, step) in enumerate(self._named()):
            with task.fitting(f"fit-{name}", step):
                # FrozenEstimator requires y.
                step.fit(Transformed(images, steps[:position]) if position else images, None)
        self._is_fitted = True

    def transform(self, X: Any) -> Any:
        """Transform all images with all steps.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.

        Returns
        -------
        ndarray of shape (n_images, n_features), DataFrame, or list
            Output of the last step for all images, in the order of `X`. The index of a DataFrame is the index of `X` if
            `X` is a Series. Otherwise, it holds the paths of the images if all have one, else their positions.

        Raises
        ------
        ValueError, TypeError, OSError
            If an element can't be read or is not an image. The message names its position and path.
            The attribute ``computed`` of the error holds the output for the images of earlier batches.
            With ``on_error="skip"``, no such error is raised.

        Warns
        -----
        UserWarning
            Once if `memory` can't be used. Each time a worker process dies and its batch is repeated.
        NoLesionWarning
            Once about the images in which no lesion was found. Its attribute ``positions`` lists the positions of all
            of them.
        SkippedImagesWarning
            Once about the skipped images. Its attribute ``skipped`` lists all of them.
        """
        steps, images = self._check_steps(), check_images(X)
        outcome, rows = self._transform_images(steps, images)
        warn_about_images(outcome, self.memory)
        return set_index(rows, X)

    def clear_memory(self) -> Self:
        """Delete all cached rows in the folder of `memory`, including those of other pipelines.

        Other processes can use the cache at the same time. Rows in their memory are not deleted.

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
        location = getattr(self.memory, "location", self.memory)  # a joblib.Memory has a location
        if location is not None and not os.fspath(location):
            raise ValueError("memory must name a folder, got ''. Use None to keep nothing.")
        return None if location is None else os.fspath(location)

    def _transform_images(
        self, steps: list[Any], images: Sequence[Any], report: Callable[[int], None] = lambda n_pending: None
    ) -> tuple[Outcome, Any]:
        """Transform all images, with rows from the cache if possible; `report` the number of pending images."""
        folder, problem = self._folder(), None
        if folder is not None and len(images):
            # Imported here because it imports sqlite3.
            from sklearn_melanoma.pipeline._memory.outcome import CachedOutcome, NotCacheableError

            try:
                cached = CachedOutcome(folder, steps, images)
                return cached, self._run_batches(cached, report)
            except NotCacheableError as error:
                problem = str(error) or None
        outcome = Outcome(steps, images, problem)
        return outcome, self._run_batches(outcome, report)

    def _run_batches(self, outcome: Outcome, report: Callable[[int], None]) -> Any:
        """Return the output for all images; an error gets the output so far as an attribute."""
        try:
            with outcome:
                report(n_pending := outcome.n_pending)
                for batches in outcome.rounds(self.batch_size):
                    for result in self._run_round(batches, outcome):
                        outcome.add(result)
                        report(n_pending := n_pending - len(result.positions))
                    report(n_pending := outcome.n_pending)  # fewer if other processes computed some of them
        except Exception as error:
            with suppress(Exception):  # another error must not hide this one
                if n_done := outcome.n_done:
                    vars(error)["computed"] = outcome.output()
                    error.add_note(f"The output for the first {n_done} images is in `computed` of this error.")
            if element_of_error(error) is not None and find_error_action(self.on_error) == "raise":
                error.add_note("on_error='skip' continues without images that can't be read or measured.")
            raise
        return outcome.output()

    def _run_round(self, batches: Iterable[Batch], outcome: Outcome) -> Iterator[BatchResult]:
        on_error = find_error_action(self.on_error)

        def make_arguments(batch: Batch) -> tuple[Batch, list[Any], str]:
            return batch, [outcome.images[i] for i in batch.positions], on_error

        if outcome.n_pending <= self.batch_size:
            # One batch runs without workers: setting them up takes as long as a small image.
            return starmap(run_batch, map(make_arguments, batches))
        return run_in_parallel(run_batch, batches, self.n_jobs, arguments=make_arguments)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container of the output, as in every scikit-learn transformer.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            None leaves it unchanged.

        Returns
        -------
        self
            The pipeline itself.

        Raises
        ------
        ValueError
            If the last step has no `set_output`.
        """
        for step in (steps := self._active()):
            if hasattr(step, "set_output"):
                step.set_output(transform=transform)
            elif step is steps[-1]:  # an earlier step returns lesions, which fit no table
                raise ValueError(
                    f"steps must end with a transformer that has set_output, got {step!r}. Derive it from "
                    "scikit-learn's TransformerMixin, and give it the method get_feature_names_out."
                )
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the column names of the output of the last step.

        Parameters
        ----------
        input_features : array-like of str, optional
            Passed to the first step.

        Returns
        -------
        ndarray of shape (n_features,), dtype object
            One name per column.
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
        """Return a step by position or name, or a pipeline of a slice of the steps. Steps are not copied."""
        if isinstance(index, slice):
            return type(self)(
                self.steps[index], **{k: v for k, v in self.get_params(deep=False).items() if k != "steps"}
            )
        return self.named_steps[index] if isinstance(index, str) else self.steps[index][1]

    def __sklearn_is_fitted__(self) -> bool:
        if hasattr(self, "_is_fitted"):  # a step of the user's own may have no fitted attribute
            return True
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
        """Show the steps as in scikit-learn's own Pipeline."""
        return Pipeline(self.steps)._sk_visual_block_()

    def _named(self) -> list[tuple[str, Any]]:
        return list_steps(self)

    def _active(self) -> list[Any]:
        return [step for _, step in self._named()]

    def _check_steps(self) -> list[Any]:
        validate_params(self)
        if not self.steps:
            raise ValueError("steps must hold at least one (name, transformer), got none.")
        self._validate_names([name for name, _ in self.steps])
        steps = self._active()
        for step in steps:
            if isinstance(step, type) or not (hasattr(step, "fit") and hasattr(step, "transform")):
                raise TypeError(
                    f"every step must be a transformer with fit and transform, or 'passthrough'; got {step!r}."
                )
            if isinstance(step, FeatureUnion):
                _check_union(step)
        return steps


def _check_union(union: FeatureUnion) -> None:
    """Raise an error if a union has nothing to return, or would return images and features together."""
    members = [member for _, member in union.transformer_list if member != "drop"]
    take_images = (not get_tags(member).input_tags.two_d_array for member in members if member != "passthrough")
    if not members or ("passthrough" in members and any(take_images)):
        raise ValueError(
            "a FeatureUnion of images must have one transformer or more, and may have others that are 'drop', got "
            f"{union!r}. 'passthrough' would return images together with features."
        )
