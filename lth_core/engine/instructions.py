"""Vector instructions for the kernels, which numba compiles for one core of a CPU.

A numba loop over a sparse matrix would load and store every sum for a few entries each, and check each time whether
arrays overlap. `Code` writes LLVM's instructions instead, which keep sums in registers.

The order of every sum is fixed when the code is compiled (`reassoc` lets that over examples be a vector's), so the same
inputs give the same bits. Compiled code is kept in __pycache__ beside its file or, where that cannot be written, in
the user's cache. numba compiles again when that file changes; the digest of all instructions is part of the name.
"""

# llvmlite's values are of many types.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false, reportArgumentType=false
from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

OPTIONS: Any = {"fastmath": {"contract", "reassoc", "nsz"}}  # nan and infinity keep their meaning
LANES = 16
"""Numbers in a vector: 512 bits, which a processor with shorter vectors takes in several."""
VECTOR = ir.VectorType(ir.FloatType(), LANES)
NOTHING = ir.Constant(VECTOR, [0.0] * LANES)
INDEX = ir.IntType(64)
FUSED = ("contract",)
"""Products and sums may be one instruction."""
ZERO = np.float32(0)

_WRITTEN = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*instructions.py")))
_DIGEST = hashlib.blake2b(_WRITTEN, digest_size=6).hexdigest()


def compiled(signature: str) -> Callable[[Callable], Callable]:
    """Compile at import for one signature, or load what an earlier process compiled."""

    def compile_for(function: Callable) -> Callable:
        function.__qualname__ += f"_{_DIGEST}"
        try:
            return numba.njit(signature, cache=True, **OPTIONS)(function)
        except RuntimeError:  # no folder for the cache
            return numba.njit(signature, **OPTIONS)(function)

    return compile_for


class Code:
    """Instructions for the arguments of a function."""

    def __init__(self, context, builder: ir.IRBuilder, signature, arguments: Sequence[ir.Value]):
        self.builder = builder
        self.arguments: list[Any] = [
            context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]

    def flag(self, number: ir.Value) -> ir.Value:
        """Tell whether a number is not 0."""
        return self.builder.icmp_signed("!=", number, INDEX(0))

    def number(self, array, index: ir.Value) -> ir.Value:
        return self.builder.load(self.builder.gep(array.data, [index]))

    def index(self, array, index: ir.Value) -> ir.Value:
        """Read a number of 32 bits to be used as an index."""
        return self.builder.zext(self.number(array, index), INDEX)

    def vector(self, array, index: ir.Value) -> ir.Value:
        """Point to the vector that begins at an index."""
        return self.builder.bitcast(self.builder.gep(array.data, [index]), VECTOR.as_pointer())

    def load(self, pointer: ir.Value) -> ir.Value:
        return self.builder.load(pointer, align=4)

    def store(self, vector: ir.Value, pointer: ir.Value) -> None:
        self.builder.store(vector, pointer, align=4)

    def spread(self, number: ir.Value) -> ir.Value:
        """Repeat a number, or a flag, in a vector."""
        nothing = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
        return self.shuffle(self.builder.insert_element(nothing, number, ir.IntType(32)(0)), [0] * LANES)

    def active(self, value: ir.Value, of: ir.Value) -> ir.Value:
        """Return a vector where another one is above 0 or no number, 0 elsewhere."""
        return self.builder.select(self.builder.fcmp_ordered("<=", of, NOTHING), NOTHING, value)

    def add_product(self, total: ir.Value, one: ir.Value, other: ir.Value) -> ir.Value:
        return self.builder.fadd(total, self.builder.fmul(one, other, flags=FUSED), flags=FUSED)

    def sum(self, vector: ir.Value) -> ir.Value:
        """Sum a vector's numbers: halves are added until one number is left."""
        lanes, total = LANES, vector
        while lanes > 1:
            lanes //= 2
            low, high = (self.shuffle(total, range(start, start + lanes)) for start in (0, lanes))
            total = self.builder.fadd(low, high)
        return self.builder.extract_element(total, ir.IntType(32)(0))

    def shuffle(self, vector: ir.Value, lanes: Sequence[int]) -> ir.Value:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
        return self.builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)

    def each(self, first: ir.Value, end: ir.Value, step: int = 1):
        """Loop over numbers from `first` to `end`, as a context that gives the number."""
        return cgutils.for_range_slice(self.builder, first, end, INDEX(step), INDEX)
