"""Where a marker may stand for a mask, and where the mask is made after all."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.masking_utils import (
    bidirectional_mask_function,
    causal_mask_function,
    chunked_causal_mask_function,
    sdpa_mask,
    sliding_window_causal_mask_function,
)

from attnprobe.models.unmade_masks import is_marker, mask_or_marker, window_of

WHOLE = torch.ones(2, 9, dtype=torch.bool)
PADDED = torch.tensor([[1] * 9, [0] * 4 + [1] * 5]).bool()
WINDOW = {"mask_function": sliding_window_causal_mask_function(4), "local_size": 4}


def asked(**options: Any) -> Tensor | None:
    return mask_or_marker(**({"batch_size": 2, "q_length": 9, "kv_length": 9} | options))


@pytest.mark.parametrize(
    ("options", "window"),
    [
        ({"attention_mask": PADDED}, None),
        (WINDOW, 4),
        ({"attention_mask": WHOLE} | WINDOW, 4),
        ({"attention_mask": PADDED} | WINDOW, 4),
        ({"attention_mask": PADDED, "local_size": 9, "mask_function": sliding_window_causal_mask_function(9)}, None),
    ],
)
def test_padding_and_a_window_are_said_in_one_number(options: dict[str, Any], window: int | None) -> None:
    marker = asked(**options)
    assert is_marker(marker)
    assert marker is not None
    assert marker.numel() == 1
    assert window_of(marker) == window
    # a model that slices it to the number of keys hands the same on
    assert window_of(marker[:, :, :, :9]) == window


@pytest.mark.parametrize("options", [{}, {"attention_mask": WHOLE}])
def test_where_transformers_makes_no_mask_none_is_marked(options: dict[str, Any]) -> None:
    assert asked(**options) is None


@pytest.mark.parametrize(
    "options",
    [
        {"mask_function": bidirectional_mask_function, "attention_mask": PADDED, "allow_is_causal_skip": False},
        {"mask_function": chunked_causal_mask_function(4, torch.zeros(2, dtype=torch.int64)), "local_size": 4},
        # a window other than the one that is named
        {"mask_function": sliding_window_causal_mask_function(5), "local_size": 4},
        {"mask_function": sliding_window_causal_mask_function(3), "local_size": 4},
        {"mask_function": causal_mask_function, "local_size": 4},
        {"mask_function": sliding_window_causal_mask_function(4), "attention_mask": PADDED},
        # decoding with a cache
        {"q_length": 1, "q_offset": 8, "attention_mask": PADDED},
    ],
    ids=["both ways", "chunked", "wider", "narrower", "no window", "unnamed window", "decoding"],
)
def test_any_other_mask_is_made(options: dict[str, Any]) -> None:
    made = asked(**options)
    expected = sdpa_mask(**({"batch_size": 2, "q_length": 9, "kv_length": 9} | options))
    assert not is_marker(made)
    assert made is not None
    assert expected is not None
    assert torch.equal(made, expected)


def test_a_mask_of_one_entry_is_no_marker() -> None:
    assert not is_marker(torch.ones(1, 1, 1, 1, dtype=torch.bool))
    assert not is_marker(None)
