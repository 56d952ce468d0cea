"""Export of fitted models to ONNX."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from sklearn_melanoma.metrics import Threshold


def to_onnx(model: BaseEstimator, *, threshold: Threshold | float | None = None, pos_label: Any = None) -> Any:
    """Convert the table side of a fitted model to ONNX.

    The table side is everything after the features: imputing, scaling, the classifier, calibration and the threshold.
    The image steps stay in Python: ``model[:1].transform(images)`` makes the table of features.

    Parameters
    ----------
    model : classifier
        A fitted pipeline, for example from :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline`, or a threshold or
        calibration around it. Its steps may also start from a table of features.
    threshold : Threshold or float, optional
        Decision threshold, as in :func:`save_model`. By default, labels are those of ``model.predict``.
    pos_label : label, optional
        Label of the positive class, as in :func:`save_model`.

    Returns
    -------
    onnx.ModelProto
        Model with one input and two outputs. ``onnx.save`` writes it to a file.

        - Input ``features``: float64 of shape (n_samples, n_features), with NaN for missing values. There must be at
          least one row, because onnxruntime can't run some nodes on zero rows.
        - Output ``label``: the predicted classes, of shape (n_samples,). They are strings or int64; bools become 0 and
          1.
        - Output ``probabilities``: float64 of shape (n_samples, n_classes), in the order of `classes_`. A classifier
          without probabilities has ``scores`` instead: its decision function, of shape (n_samples, 1) for two classes
          and (n_samples, n_classes) for more.

        The metadata are JSON texts by name: ``feature_names``, the columns of the input, ``classes``, ``pos_label``,
        ``threshold`` and ``versions``.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If `model` is not a classifier.
    ValueError
        If a step or its parameters can't be converted; the message names it. If `model` is a search, the positive class
        can't be determined, or the model can't have the threshold.
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    save_model : Save the whole model, with its image steps, for Python.

    Notes
    -----
    It needs skl2onnx: ``pip install ".[onnx]"``.

    The graph computes in 64 bits, because ranks of features need them. onnxruntime then returns the probabilities of
    scikit-learn within 1e-6. Labels are the same unless two classes have the same probability.

    This package has converters for its own steps and classifiers. It also has converters for imputing, ranks, columns,
    unions, thresholds, calibration, soft votes, forests, linear classifiers, and support vector machines for two
    classes. skl2onnx converts all others. Their results are compared with scikit-learn on random rows, because some
    converters compute something else. :doc:`/guide/deployment` lists which classifiers convert.

    The graph uses version 17 of the operators and version 8 of the format: onnxruntime 1.16 and newer run it.

    Examples
    --------
    >>> import onnxruntime
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.persistence import to_onnx
    >>> lesions = make_lesions(12, random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    >>> table = model[:1].transform(lesions.images)
    >>> label, probabilities = session.run(None, {"features": table.to_numpy()})
    >>> bool(abs(probabilities - model.predict_proba(lesions.images)).max() < 1e-6)
    True
    """
    from sklearn_melanoma.persistence._onnx.export import build_model  # imports pipelines; loading needs none

    return build_model(model, threshold=threshold, pos_label=pos_label)
