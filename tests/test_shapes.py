"""The shapes in annotations are checked while tests run; without this test a switch left off would go unnoticed."""

import jaxtyping
import pytest
import torch

from attnprobe.plan import Tokens


def test_a_tensor_of_another_shape_than_annotated_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="ids"):
        Tokens(ids=torch.zeros(3, dtype=torch.int64), lengths=(3,))


def test_a_tensor_of_another_kind_of_number_than_annotated_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="ids"):
        Tokens(ids=torch.zeros(1, 3), lengths=(3,))
