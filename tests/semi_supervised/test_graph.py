from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from sklearn_melanoma.semi_supervised._graph import link_neighbors, smooth_scores


def find(rows, n_neighbors=4):
    return NearestNeighbors(n_neighbors=n_neighbors).fit(rows).kneighbors()


def make_graph(seed=0, n_rows=40):
    return link_neighbors(*find(np.random.default_rng(seed).normal(size=(n_rows, 3))))


def test_links_are_the_formula():
    rows = np.random.default_rng(1).normal(size=(12, 2))
    distances, neighbors = find(rows, 3)
    bandwidth = (distances**2).mean()
    weights = np.zeros((12, 12))
    for row in range(12):
        for neighbor in neighbors[row]:
            squared = ((rows[row] - rows[neighbor]) ** 2).sum()
            weights[row, neighbor] = weights[neighbor, row] = np.exp(-squared / bandwidth)
    degrees = weights.sum(axis=1)
    np.testing.assert_allclose(
        link_neighbors(distances, neighbors).toarray(), weights / np.sqrt(np.outer(degrees, degrees))
    )


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_links_are_symmetric_and_shrink(seed):
    links = make_graph(seed).toarray()
    np.testing.assert_allclose(links, links.T, rtol=1e-12)
    assert not links.diagonal().any()
    assert abs(np.linalg.eigvalsh(links)).max() <= 1 + 1e-12


def test_the_unit_of_distance_does_not_matter():
    distances, neighbors = find(np.random.default_rng(0).normal(size=(30, 3)))
    np.testing.assert_allclose(
        link_neighbors(1000 * distances, neighbors).toarray(), link_neighbors(distances, neighbors).toarray()
    )


def test_rows_that_are_the_same_are_linked_alike():
    links = link_neighbors(np.zeros((3, 2)), np.array([[1, 2], [0, 2], [0, 1]])).toarray()
    np.testing.assert_allclose(links, [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def test_a_row_beyond_all_weights_stays_alone():
    rows = np.append(np.random.default_rng(0).normal(size=(2000, 1)), [[1e9]], axis=0)
    links = link_neighbors(*find(rows, 2))
    assert not links[[2000]].toarray().any()
    scores = np.ones(2001)
    assert smooth_scores(links, scores, 0.7)[2000] == pytest.approx(0.3)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 0.99])
def test_smoothing_solves_the_equation(alpha):
    graph, scores = make_graph(), np.random.default_rng(1).normal(size=40)
    truth = np.linalg.solve(np.eye(40) - alpha * graph.toarray(), (1 - alpha) * scores)
    error = np.linalg.norm(smooth_scores(graph, scores, alpha) - truth)
    assert error <= 1e-6 * np.linalg.norm(scores)


def test_scores_stay_as_they_are():
    graph, scores = make_graph(), np.random.default_rng(1).normal(size=40)
    scores.flags.writeable = False
    np.testing.assert_array_equal(smooth_scores(graph, scores, 0.0), scores)
    assert not smooth_scores(graph, np.zeros(40), 0.7).any()
