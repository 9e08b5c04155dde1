"""Compiles every kernel that a few calls launch for an H100 or H200, without one, and writes what the compiler says.

Run as a program, without Triton's interpreter. The calls have tensors without storage (device "meta"): what is compiled
is what `triton_ops` would launch for them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from attnprobe.errors import KernelError
from attnprobe.kernels import Attention, triton_launch, triton_ops

POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.int32: "*i32"}
POINTERS |= {torch.uint8: "*u8"}
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


def compiled(kernel: Any, arguments: dict[str, Any]) -> dict[str, object]:
    """One kernel for one set of arguments, specialised as a launch would: on None, on 1, on multiples of 16."""
    options = {name: arguments.pop(name) for name in ("num_warps", "num_stages") if name in arguments}
    assert set(kernel.arg_names) == set(arguments), set(kernel.arg_names) ^ set(arguments)
    signature, constants, multiples = {}, {}, {}
    for index, parameter in enumerate(kernel.params):
        value = arguments[parameter.name]
        is_one = isinstance(value, int) and value == 1 and not parameter.do_not_specialize
        if parameter.is_constexpr or value is None or is_one:
            signature[parameter.name], constants[(index,)] = "constexpr", value
            continue
        is_tensor = isinstance(value, torch.Tensor)
        signature[parameter.name] = POINTERS[value.dtype] if is_tensor else _number(value)
        if is_tensor or (isinstance(value, int) and value % 16 == 0 and not parameter.do_not_specialize):
            multiples[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=multiples)
    result = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(result.asm["cubin"])
        command = [str(CUOBJDUMP), "--dump-resource-usage", str(binary)]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    sizes = dict(word.split(":") for word in usage if word.startswith(("REG:", "STACK:")))
    return {
        "kernel": kernel.__name__,
        "registers": int(sizes["REG"]),
        "spilled": int(sizes["STACK"]),
        "shared": result.metadata.shared,
        "tensor_core_products": result.asm["ptx"].count("wgmma.mma_async"),
    }


def _number(value: float) -> str:
    if isinstance(value, float):
        return "fp32"
    return "i32" if abs(value) < 2**31 else "i64"


def compile_call(name: str, attention: Attention, n_columns: int, *, exact: bool = False) -> None:
    """Everything that the four operations launch for a call."""
    launched: list[str] = []

    def start(kernel: Any, grid: tuple[int, int], arguments: dict[str, Any], device: torch.device) -> None:
        row = compiled(kernel, dict(arguments))
        launched.append(str(row["kernel"]))
        sys.stdout.write(json.dumps({"call": name, **row}) + "\n")

    triton_launch.start = start
    batch, _, n_queries, _ = attention.query.shape
    n_keys = attention.key.shape[2]
    excluded = attention.removed
    ends = torch.zeros(batch, n_columns, dtype=torch.int64, device="meta")
    triton_ops.key_scores(attention, ends, excluded, None if excluded is None else 0.3)
    dtype = torch.bfloat16 if exact else torch.float32
    triton_ops.weighted_values(attention, torch.zeros(1, 1, n_keys, n_columns, dtype=dtype, device="meta"))
    triton_ops.weighted_queries(attention, torch.zeros(1, 1, n_queries, n_columns, dtype=dtype, device="meta"))
    assert set(launched) == {"row_normalisers", "key_columns", "kept_columns", "query_rows"}


def call(d_head: int, dtype: torch.dtype, n_queries: int = 1001, *, everything: bool = False) -> Attention:
    """Sequences of odd length; `everything` adds what shapes a softmax."""
    n_heads, n_keys = 8, 1001
    query = torch.zeros(2, n_queries, n_heads, d_head, dtype=dtype, device="meta").permute(0, 2, 1, 3)
    key = torch.zeros(2, n_keys, 2, d_head, dtype=dtype, device="meta").permute(0, 2, 1, 3)
    if not everything:
        return Attention(query=query, key=key, scaling=0.1)
    return Attention(
        query=query, key=key, scaling=0.1, softcap=50.0, window=500, sinks=torch.zeros(n_heads, device="meta"),
        starts=(3, 0), stops=(n_keys, 900), removed=torch.zeros(2, 1, n_keys, dtype=torch.bool, device="meta"),
    )  # fmt: skip


def refuses_a_cpu_tensor() -> None:
    """Outside the interpreter there is nothing to run on a CPU."""
    zeros = torch.zeros(1, 1, 2, 16)
    with pytest.raises(KernelError, match="TRITON_INTERPRET=1"):
        triton_ops.column_sums(Attention(query=zeros, key=zeros, scaling=1.0), torch.tensor([[2]]))


def main(wanted: str) -> None:
    """Compile the calls that a test asks for: a few, or every width and dtype of the table."""
    refuses_a_cpu_tensor()
    if wanted == "few":
        compile_call("bf16 80 everything", call(80, torch.bfloat16, everything=True), 64)
        compile_call("fp32 16", call(16, torch.float32), 9)
        return
    for d_head in (8, 16, 32, 64, 80, 96, 128, 192, 256):
        for dtype in (torch.bfloat16, torch.float16, torch.float32):
            for everything in (False, True):
                name = f"{dtype} {d_head}{' everything' if everything else ''}"
                compile_call(name, call(d_head, dtype, everything=everything), 100, exact=everything)


if __name__ == "__main__":
    main(sys.argv[1])
