"""Gaussian mixture of the patches of lesions, learned without labels."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_melanoma.features._fisher import Floats, Mixture

# Fraction of the total variance that is added to the variance of each component before division.
_FLOOR = 0.005
# Constant added to the variances of the Gaussians. A component has a variance of at most 1.
_LEAST_VARIANCE = 1e-3
_N_ROUNDS = 15


def learn_mixture(values: Floats, n_components: int, n_gaussians: int, random: np.random.RandomState) -> Mixture:
    """Learn principal components of patches and a mixture of Gaussians with independent components.

    Parameters
    ----------
    values : ndarray of shape (n_patches, n_values), dtype float32
        At least `n_gaussians` different patches.
    n_components : int
        Number of components, at most `n_values`.
    n_gaussians : int
        Number of Gaussians.
    random : RandomState
        Generator that draws the first means from the patches.

    Returns
    -------
    Mixture
        Argument of `encode`.
    """
    # Imported here, because it imports all of scikit-learn's clustering.
    from sklearn.mixture import GaussianMixture

    if len(np.unique(values, axis=0)) < n_gaussians:
        raise ValueError(
            f"X must hold lesions with at least n_gaussians={n_gaussians} different patches, got fewer among "
            f"{len(values)} patches. Pass images of lesions, or lower n_gaussians."
        )
    center = values.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(values, rowvar=False))
    variances, axes = variances[: -n_components - 1 : -1], axes[:, : -n_components - 1 : -1]
    components = (axes / np.sqrt(variances + max(_FLOOR * variances.sum(), np.finfo(np.float32).tiny))).astype(
        np.float32
    )
    model = GaussianMixture(
        n_gaussians,
        covariance_type="diag",
        init_params="k-means++",
        max_iter=_N_ROUNDS,
        reg_covar=_LEAST_VARIANCE,
        random_state=random,
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # more rounds change the features, but do not make them more useful
        model.fit((values - center) @ components)
    weights, means = (np.asarray(values, dtype=np.float32) for values in (model.weights_, model.means_))
    return Mixture(center, components, weights, means, np.sqrt(model.covariances_).astype(np.float32))
