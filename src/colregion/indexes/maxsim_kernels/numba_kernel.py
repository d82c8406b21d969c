"""MaxSim compiled by numba for the processor it runs on.

The inner loops are written as vector code of LLVM, because neither numba nor LLVM keeps 12 sums
in registers when given loops: plain numba reaches a third of this. A tile is four vectors of the
page by up to 24 tokens. float16 is multiplied as float; int8 as integers, with the question
in 16 bits, two products an instruction, which is half as much work.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.indexes.maxsim_kernels.threads import in_threads

_LANES = 8
_TILE_ROWS = 4
_TILE_TOKENS = 24
# Vectors unpacked at once: they stay in the first cache.
_BLOCK = 32

_I64 = ir.IntType(64)
_FLOATS = ir.VectorType(ir.FloatType(), _LANES)
_INTS = ir.VectorType(ir.IntType(32), _LANES)
_SHORTS = ir.VectorType(ir.IntType(16), 2 * _LANES)
_WIDE = ir.VectorType(ir.IntType(32), 2 * _LANES)


def _tile(vector: ir.VectorType, cell: ir.Type, *, multiply_add: Any, greater: Any) -> Any:
    """A function of (x, steps, q, best): for each of 24 tokens the larger of `best` and its
    products with the four rows of x.

    Args:
        vector: of the sums, one lane a token.
        cell: what one step reads of a row: a float, or a pair of shorts.
        multiply_add: (builder, sum, cell of x, pointer into q) -> sum.
        greater: (builder, a, b) -> whether a > b, lane by lane.
    """

    @intrinsic
    def tile(_typing: Any, x: Any, steps: Any, q: Any, best: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def pointer(position: int, to: ir.Type) -> Any:
                array = context.make_array(signature.args[position])
                data = array(context, builder, arguments[position]).data
                return builder.bitcast(data, to.as_pointer())

            groups = range(_TILE_TOKENS // _LANES)
            cells, steps = pointer(0, cell), arguments[1]
            question, kept = pointer(2, _question_of(vector)), pointer(3, vector)
            before = builder.block
            loop, done = builder.append_basic_block(), builder.append_basic_block()
            builder.branch(loop)

            builder.position_at_end(loop)
            step = builder.phi(_I64)
            step.add_incoming(_I64(0), before)
            sums = {(r, g): builder.phi(vector) for r in range(_TILE_ROWS) for g in groups}
            for total in sums.values():
                total.add_incoming(ir.Constant(vector, [0] * _LANES), before)
            tokens = [
                builder.load(
                    builder.gep(
                        question, [builder.add(builder.mul(step, _I64(len(groups))), _I64(g))]
                    ),
                    align=2,
                )
                for g in groups
            ]
            after = {}
            for r in range(_TILE_ROWS):
                place = builder.add(step, builder.mul(steps, _I64(r)))
                value = builder.load(builder.gep(cells, [place]), align=2)
                spread = _spread(builder, value)
                for g in groups:
                    after[r, g] = multiply_add(builder, sums[r, g], spread, tokens[g])
                    sums[r, g].add_incoming(after[r, g], loop)
            following = builder.add(step, _I64(1))
            step.add_incoming(following, loop)
            builder.cbranch(builder.icmp_unsigned("<", following, steps), loop, done)

            builder.position_at_end(done)
            for g in groups:
                place = builder.gep(kept, [_I64(g)])
                most = builder.load(place, align=4)
                for r in range(_TILE_ROWS):
                    most = builder.select(greater(builder, after[r, g], most), after[r, g], most)
                builder.store(most, place, align=4)
            return context.get_dummy_value()

        return types.void(x, steps, q, best), generate

    return tile


def _question_of(vector: ir.VectorType) -> ir.Type:
    return _FLOATS if vector is _FLOATS else _SHORTS


def _spread(builder: Any, value: Any) -> Any:
    """The value in every lane."""
    vector = ir.VectorType(value.type, _LANES)
    none = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(none, value, ir.IntType(32)(0))
    return builder.shuffle_vector(one, none, ir.Constant(_INTS, [0] * _LANES))


def _float_multiply_add(builder: Any, total: Any, x: Any, tokens: Any) -> Any:
    product = builder.fmul(x, tokens, flags=("contract",))
    return builder.fadd(total, product, flags=("contract",))


def _pair_multiply_add(builder: Any, total: Any, x: Any, tokens: Any) -> Any:
    # The form in which LLVM knows the instruction that multiplies and adds pairs of shorts.
    wide = [builder.sext(v, _WIDE) for v in (builder.bitcast(x, _SHORTS), tokens)]
    products = builder.mul(*wide)
    none = ir.Constant(_WIDE, ir.Undefined)
    halves = [
        builder.shuffle_vector(products, none, ir.Constant(_INTS, list(range(odd, 16, 2))))
        for odd in (0, 1)
    ]
    return builder.add(total, builder.add(*halves))


_float_tile = _tile(
    _FLOATS,
    ir.FloatType(),
    multiply_add=_float_multiply_add,
    greater=lambda builder, a, b: builder.fcmp_ordered(">", a, b),
)
_pair_tile = _tile(
    _INTS,
    ir.IntType(32),
    multiply_add=_pair_multiply_add,
    greater=lambda builder, a, b: builder.icmp_signed(">", a, b),
)


def _compiled(function: Any) -> Any:
    """Compiled on first use, for the processor at hand, and kept on the disk where there is a
    folder to keep it in: compiling takes seconds."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True)(function)


@_compiled
def _scan_halves(rows: Any, first: Any, counts: Any, question: Any, best: Any) -> None:
    """rows (N, D) int16, the bits of halves; question (G, D, 24); best (P, G, 24)."""
    dim = rows.shape[1]
    block = np.zeros((_BLOCK, dim), np.float32)
    floats, bits = block.reshape(-1), block.view(np.int32).reshape(-1)
    for page in range(len(first)):
        for start in range(0, counts[page], _BLOCK):
            n = min(_BLOCK, counts[page] - start)
            packed = rows[first[page] + start : first[page] + start + n].reshape(-1)
            for i in range(n * dim):  # see `portable.widen`
                bits[i] = (np.int32(packed[i]) << 13) & np.int32(-0x70002000)
            for i in range(n * dim):
                floats[i] *= np.float32(2.0**112)
            whole = (n + _TILE_ROWS - 1) // _TILE_ROWS * _TILE_ROWS
            for row in range(n, whole):  # the last vector again, which changes no maximum
                block[row] = block[n - 1]
            for group in range(len(question)):
                for row in range(0, whole, _TILE_ROWS):
                    _float_tile(block[row:], dim, question[group], best[page, group])


@_compiled
def _scan_bytes(rows: Any, first: Any, counts: Any, question: Any, best: Any) -> None:
    """rows (N, D) int8; question (G, ceil(D / 2), 48) int16; best (P, G, 24) int32."""
    dim = rows.shape[1]
    pairs = question.shape[1]
    block = np.zeros((_BLOCK, 2 * pairs), np.int16)
    for page in range(len(first)):
        for start in range(0, counts[page], _BLOCK):
            n = min(_BLOCK, counts[page] - start)
            for row in range(n):
                packed = rows[first[page] + start + row]
                for i in range(dim):
                    block[row, i] = packed[i]
            whole = (n + _TILE_ROWS - 1) // _TILE_ROWS * _TILE_ROWS
            for row in range(n, whole):
                block[row] = block[n - 1]
            for group in range(len(question)):
                for row in range(0, whole, _TILE_ROWS):
                    _pair_tile(block[row:], pairs, question[group], best[page, group])


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `kernels.Kernel`. int8 meets the question in 15 bits a number and the sign."""
    n_tokens, dim = tokens.shape
    if n_tokens == 0 or len(first) == 0:
        return np.zeros((len(first), n_tokens), dtype=np.float32)
    groups = -(-n_tokens // _TILE_TOKENS)
    padded = np.zeros((groups * _TILE_TOKENS, dim + dim % 2), dtype=np.float32)
    padded[:n_tokens, :dim] = tokens
    if rows.dtype == np.int8:
        # Sums have to stay within 31 bits.
        largest = min(32767, (2**31 - 1) // (127 * dim))
        step = np.abs(padded).max(axis=1, initial=1e-30) / largest
        numbers = np.rint(padded / step[:, None]).astype(np.int16)
        pairs = numbers.reshape(groups, _TILE_TOKENS, -1, 2).transpose(0, 2, 1, 3)
        question: NDArray[Any] = np.ascontiguousarray(pairs).reshape(groups, -1, 2 * _TILE_TOKENS)
        found: NDArray[Any] = np.full((len(first), groups, _TILE_TOKENS), -(2**31) + 1, np.int32)
        scan, mapped = _scan_bytes, rows
    else:
        step = np.ones(len(padded), dtype=np.float32)
        by_group = padded[:, :dim].reshape(groups, _TILE_TOKENS, dim).transpose(0, 2, 1)
        question = np.ascontiguousarray(by_group)
        found = np.full((len(first), groups, _TILE_TOKENS), -np.inf, np.float32)
        scan, mapped = _scan_halves, rows.view(np.int16)
    starts, sizes = first.astype(np.int64), counts.astype(np.int64)

    def part(pages: range) -> None:
        chosen = slice(pages.start, pages.stop)
        scan(mapped, starts[chosen], sizes[chosen], question, found[chosen])

    in_threads(part, n=len(first), cost=int(counts.sum()) * tokens.size)
    return np.asarray(found.reshape(len(first), -1)[:, :n_tokens] * step[:n_tokens], np.float32)
