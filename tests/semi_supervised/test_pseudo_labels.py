from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from sklearn_melanoma.semi_supervised._pseudo_labels import limit_weight, rescale_scores, weigh_labels

positive_numbers = st.floats(0.01, 1e4)


@given(positive_numbers, positive_numbers)
def test_weight_is_below_the_labels_and_the_bound(labels, bound):
    weight = limit_weight(labels, bound)
    assert 0 < weight < min(labels, bound)
    assert limit_weight(2 * labels, bound) / (2 * labels) < weight / labels
    assert limit_weight(labels, 0) == limit_weight(0, bound) == limit_weight(0, 0) == 0


def test_rescaled_scores_keep_their_order():
    random = np.random.default_rng(0)
    scores, like = random.normal(3, 5, 50), random.normal(-1, 2, 50)
    rescaled = rescale_scores(scores, like)
    assert (rescaled.mean(), rescaled.std()) == (pytest.approx(like.mean()), pytest.approx(like.std()))
    np.testing.assert_array_equal(rescaled.argsort(), scores.argsort())
    np.testing.assert_allclose(rescale_scores(np.ones(50), like), like.mean())
    assert len(rescale_scores(np.empty(0), np.empty(0))) == 0
    table = np.column_stack([scores, np.ones(50)])
    np.testing.assert_array_equal(rescale_scores(table, table[:, ::-1])[:, 0], np.ones(50))


def test_label_weights_follow_bayes_rule():
    scores = np.array([2.0, 3.0, -1.0, 4.0, 1.0])
    right = weigh_labels(scores, 0.1, 10)
    fraction = ((1 - right).sum() + 1) / 15
    given = expit(scores)
    np.testing.assert_allclose(
        right, (1 - fraction) * given / ((1 - fraction) * given + fraction * (1 - given)), rtol=1e-6
    )


def test_outvoted_labels_lose_more_weight_if_many_are_outvoted():
    one, many = np.full(20, 3.0), np.full(20, 3.0)
    one[0], many[:4] = -3, -3
    assert weigh_labels(one, 0.1, 10)[0] > weigh_labels(many, 0.1, 10)[0]
    np.testing.assert_array_equal(weigh_labels(many, 0, 10), np.ones(20))
