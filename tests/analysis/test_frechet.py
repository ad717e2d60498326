"""The Fréchet distance against closed forms, and the spread of samples over classes."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from lth_core.analysis.frechet import Moments, frechet_distance, moments, spread


def gaussian(*, mean, covariance):
    return Moments(np.array(mean, float), np.array(covariance, float))


def test_gaussians_of_equal_covariance_are_as_far_apart_as_their_means():
    covariance = [[2.0, 0.5], [0.5, 1.0]]
    first, second = (gaussian(mean=mean, covariance=covariance) for mean in ([0, 0], [3, 4]))
    assert frechet_distance(first, second) == pytest.approx(25)


def test_gaussians_in_one_dimension_differ_by_their_deviations():
    first, second = gaussian(mean=[1], covariance=[[4]]), gaussian(mean=[-1], covariance=[[9]])
    assert frechet_distance(first, second) == pytest.approx(2**2 + (2 - 3) ** 2)


def test_covariances_that_commute_differ_by_the_roots_of_their_eigenvalues():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    first = gaussian(mean=[0, 0, 0], covariance=turn @ np.diag([1, 4, 9]) @ turn.T)
    second = gaussian(mean=[0, 0, 0], covariance=turn @ np.diag([16, 4, 1]) @ turn.T)
    assert frechet_distance(first, second) == pytest.approx((1 - 4) ** 2 + 0 + (3 - 1) ** 2)


def test_any_covariances_differ_as_the_matrix_square_root_says():
    draw = np.random.default_rng(1).standard_normal
    first, second = (moments(draw((50, 4)) @ draw((4, 4)) + draw(4)) for _ in range(2))
    root = sqrtm(first.covariance @ second.covariance).real
    apart = np.sum((first.mean - second.mean) ** 2)
    expected = apart + np.trace(first.covariance + second.covariance - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_singular_covariances_have_a_distance():
    """As features have that are never active."""
    first, second = (gaussian(mean=[0, 0], covariance=np.diag([variance, 0.0])) for variance in (1, 4))
    assert frechet_distance(first, second) == pytest.approx(1)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-12)


def test_samples_of_one_gaussian_come_closer_the_more_there_are():
    draw = np.random.default_rng(2).standard_normal
    few, many = (frechet_distance(moments(draw((count, 5))), moments(draw((count, 5)))) for count in (30, 3000))
    assert 0 < many < few / 10


def test_moments_are_those_of_numpy_in_double_precision():
    features = np.random.default_rng(3).standard_normal((10, 3)).astype(np.float32)
    mean, covariance = moments(features)
    assert mean.dtype == covariance.dtype == np.float64
    np.testing.assert_allclose(covariance, np.cov(features.astype(np.float64).T))
    with pytest.raises(ValueError, match="at least 2 examples, not 1"):
        moments(features[:1])


def test_the_spread_counts_classes_that_have_a_quarter_of_their_share():
    labels = np.repeat([0, 1, 2, 3], [60, 34, 6, 0])
    coverage, entropy = spread(labels, classes=4)
    assert coverage == 2 / 4  # a quarter of 25% is 6.25%
    shares = np.array([0.6, 0.34, 0.06])
    assert entropy == pytest.approx(-(shares * np.log(shares)).sum())


def test_an_even_sample_covers_everything_and_has_the_largest_entropy():
    assert spread(np.arange(30) % 10, classes=10) == pytest.approx((1.0, np.log(10)))
    assert spread(np.zeros(5, int), classes=10) == pytest.approx((0.1, 0.0))
