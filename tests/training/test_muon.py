"""Muon moves matrices along their gradient's singular vectors, by the same amount along each."""

import torch
from torch import nn

from attnprobe.training.muon import Muon, orthogonalised


def test_singular_values_end_near_one_and_singular_vectors_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    for rows, columns in ((6, 6), (4, 10), (10, 4)):
        matrix = torch.randn(3, rows, columns, generator=generator)
        result = orthogonalised(matrix)
        values = torch.linalg.svdvals(result)
        assert float(values.min()) > 0.3
        assert float(values.max()) < 1.3
        # U S V^T and U S' V^T: the product with the transpose is symmetric
        product = matrix @ result.mT
        torch.testing.assert_close(product, product.mT, rtol=0, atol=1e-4)


def test_a_step_moves_a_diagonal_gradient_against_its_signs() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.diag(torch.tensor([3.0, -1.0]))
    Muon([weight]).step(0.1)
    moved = weight.detach()
    assert float(moved[0, 0]) < -0.05
    assert float(moved[1, 1]) > 0.05
    torch.testing.assert_close(moved[0, 1], torch.tensor(0.0))


def test_momenta_survive_saving() -> None:
    weights = [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(3, 3))]
    for index, weight in enumerate(weights):
        weight.grad = torch.full_like(weight, float(index + 1))
    muon = Muon(weights)
    muon.step(0.1)
    other = Muon(weights)
    other.restore({name: momentum.clone() for name, momentum in muon.state().items()})
    assert other.state().keys() == muon.state().keys() == {"2x3", "3x3"}
    torch.testing.assert_close(other.state()["3x3"], torch.full((1, 3, 3), 2.0))
