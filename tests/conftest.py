"""Switches for every test: shapes are checked, warnings are errors, nothing reaches a network, seeds are fixed."""

import os
import random

# beartype before nnsight, which gives every object a `.save` that beartype's own import does not expect
import beartype  # noqa: F401
import jaxtyping
import numpy as np
import pytest
import torch

# before any module of attnprobe is imported: the hook works on what comes after it
jaxtyping.install_import_hook("attnprobe", "beartype.beartype")

# before triton is imported: without a GPU its kernels run in its interpreter
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# before transformers is imported, which reads them then
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

# models here are tiny: a second thread costs more than it gives, far more where others keep the cores busy
torch.set_num_threads(1)

# marked tests that do not run unless asked for with `-m`
_ON_DEMAND = ("slow", "network", "calibration")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
        for name in _ON_DEMAND:
            if item.get_closest_marker(name) and not config.option.markexpr:
                item.add_marker(pytest.mark.skip(reason=f"runs with -m {name}"))


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def without_shape_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users run it: shapes that do not fit reach our own messages, not the checker of the tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
