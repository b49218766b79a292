"""Curves from encoders: all quantities from their definitions, counting clusters, clusters out of use."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import rel_entr

from itdl import entropy
from itdl.bottleneck.clustering import Clustering
from itdl.bottleneck.tradeoff import Curve, evaluated
from itdl.checks import Array

PXY = np.array([[0.2, 0.1, 0.1], [0.05, 0.15, 0.1], [0.05, 0.05, 0.2]])
PX = PXY.sum(axis=1)
EITHER = pytest.mark.parametrize("dual", [False, True])


def curve(encoder: Array, dual: bool = False, n_clusters: int = 4, residual: float = 1e-13) -> Curve:
    problem = Clustering(PX, PXY / PX[:, None], dual=dual)
    how = np.array([residual]), np.array([3]), np.array([-1.0])
    return evaluated(problem, np.array([5.0]), [encoder], *how, n_clusters=n_clusters, tol=1e-12)


@EITHER
def test_every_quantity_from_its_definition(dual: bool) -> None:
    encoder = np.array([[0.1, 0.9, 0.0], [0.4, 0.6, 0.0], [0.3, 0.7, 0.0]])
    found = curve(encoder, dual)
    used, pyx = encoder[:, [1, 0]], PXY / PX[:, None]
    weights = PX @ used
    back = used * PX[:, None] / weights
    decoder = back.T @ pyx
    if dual:
        decoder = np.exp(back.T @ np.log(pyx))
        decoder /= decoder.sum(axis=1, keepdims=True)
    pairs = rel_entr(decoder, pyx[:, None]) if dual else rel_entr(pyx[:, None], decoder)
    assert_allclose(found.encoder[0, :, :2], used)
    assert_allclose(found.weights[0], [*weights, 0, 0])
    assert_allclose(found.decoder[0, :2], decoder, rtol=1e-12)
    assert_allclose(found.i_xt, entropy.mutual_information(PX[:, None] * used), rtol=1e-10)
    assert_allclose(found.i_ty, entropy.mutual_information(used.T @ PXY), rtol=1e-10)
    assert_allclose(found.i_predicted, entropy.mutual_information(weights[:, None] * decoder), rtol=1e-10)
    assert_allclose(found.distortion, (PX[:, None] * used * pairs.sum(axis=2)).sum(), rtol=1e-10)
    assert_allclose(found.objective, found.i_xt + 5 * found.distortion)
    assert_array_equal(found.clusters, 2)
    assert found.converged.all()
    assert not curve(encoder, dual, residual=1e-11).converged.any()


@EITHER
def test_clusters_out_of_use_have_no_weight_and_the_decoder_of_one_cluster(dual: bool) -> None:
    found = curve(np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]), dual)
    assert_array_equal(found.weights[0], [1, 0, 0, 0])
    assert_array_equal(found.encoder[0, :, 1:], 0)
    assert_allclose(found.decoder[0], np.broadcast_to(found.decoder[0, 0], (4, 3)), rtol=1e-12)
    assert_allclose([found.i_xt[0], found.i_ty[0]], 0, atol=1e-15)


def test_clusters_count_once_when_decoders_agree_and_never_without_mass() -> None:
    same = np.array([[0.3, 0.2, 0.5], [0.3, 0.2, 0.5], [0.3, 0.2, 0.5]])
    assert curve(same).clusters[0] == 1
    light = np.array([[1 - 1e-7, 1e-7], [1 - 1e-7, 0], [1 - 1e-7, 0]]) / np.array([[1], [1 - 1e-7], [1 - 1e-7]])
    assert curve(light).clusters[0] == 1
    assert curve(np.eye(3)).clusters[0] == 3
    # Decoders 0.0015 apart are two, 0.0006 apart are one.
    for tilt, expected in ((0.004, 2), (0.0015, 1)):
        near = np.array([[0.5 + tilt, 0.5 - tilt], [0.5, 0.5], [0.5 - tilt, 0.5 + tilt]])
        gap = np.abs(np.diff(curve(near).decoder[0, :2], axis=0)).max()
        assert (gap >= 1e-3) == (expected == 2)
        assert curve(near).clusters[0] == expected
