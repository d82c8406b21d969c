"""Hard swish of an ONNX model as two operators instead of four.

The layout model has x * clip(x + 3, 0, 6) / 6 after each of its convolutions. Computed as written,
that passes over the image four times and changes its order in memory before and after; the same
function as x * HardSigmoid(x) does not, which halves the time of the model.
"""

from __future__ import annotations

import struct
from collections import Counter
from functools import cache
from typing import Any

from colregion.errors import require

_FLOAT = 1  # of AttributeProto.type

# Of ONNX's messages the fields that are read or written here: name, number, type, repeated. The
# others are unknown to protobuf, which writes them as it has read them.
_MESSAGES = {
    "Tensor": [("raw_data", 9, "BYTES", False)],
    "Attribute": [
        ("name", 1, "STRING", False),
        ("f", 2, "FLOAT", False),
        ("t", 5, "Tensor", False),
        ("type", 20, "INT32", False),
    ],
    "Node": [
        ("input", 1, "STRING", True),
        ("output", 2, "STRING", True),
        ("op_type", 4, "STRING", False),
        ("attribute", 5, "Attribute", True),
    ],
    "Graph": [("node", 1, "Node", True)],
    "Model": [("graph", 7, "Graph", False)],
}


def fuse_hard_swish(model: bytes) -> bytes:
    """The ONNX model with each x * clip(x + 3, 0, 6) / 6 as x * HardSigmoid(x). Results differ by
    rounding only; a model without any is returned as it is."""
    message = _model_class().FromString(model)
    nodes = list(message.graph.node)
    producers = {name: node for node in nodes for name in node.output}
    uses = Counter(name for node in nodes for name in node.input)
    fused: set[str] = set()
    for quotient in nodes:
        chain = _hard_swish_of(quotient, producers)
        if not chain or any(uses[node.output[0]] > 1 for node in chain):
            continue
        addition, clip, product = chain
        fused |= {clip.output[0], product.output[0]}
        addition.op_type = "HardSigmoid"
        del addition.input[1:]
        for name, value in (("alpha", 1 / 6), ("beta", 0.5)):
            addition.attribute.add(name=name, f=value, type=_FLOAT)
        quotient.op_type = "Mul"
        quotient.input[:] = [addition.input[0], addition.output[0]]
    if not fused:
        return model
    remaining = [node for node in nodes if node.output[0] not in fused]
    del message.graph.node[:]
    message.graph.node.extend(remaining)
    written: bytes = message.SerializeToString()
    return written


def _hard_swish_of(quotient: Any, producers: dict[str, Any]) -> tuple[Any, Any, Any] | None:
    """The addition, clip and product before a division; None if it is not of a hard swish."""
    chain = [quotient]
    for op_type, at in (("Div", 0), ("Mul", 1), ("Clip", 0), ("Add", 0)):
        node = chain[-1]
        if node.op_type != op_type:
            return None
        chain.append(producers.get(node.input[at], node))
    _, product, clip, addition, _ = chain
    constants = [*quotient.input[1:], *clip.input[1:], *addition.input[1:]]
    values = [_constant(producers.get(name)) for name in constants]
    is_one = values == [6.0, 0.0, 6.0, 3.0] and product.input[0] == addition.input[0]
    return (addition, clip, product) if is_one else None


def _constant(node: Any) -> float | None:
    """The value of a node that gives one number; None for another, and for none."""
    if node is None or node.op_type != "Constant":
        return None
    data = node.attribute[0].t.raw_data
    return struct.unpack("<f", data)[0] if len(data) == 4 else None


@cache
def _model_class() -> Any:
    descriptors = require("google.protobuf.descriptor_pb2", extra="ocr")
    field = descriptors.FieldDescriptorProto
    file = descriptors.FileDescriptorProto(name="colregion/onnx.proto", package="colregion.onnx")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind, is_repeated in fields:
            is_message = kind in _MESSAGES
            described.field.add(
                name=name,
                number=number,
                type=field.TYPE_MESSAGE if is_message else getattr(field, f"TYPE_{kind}"),
                type_name=f".colregion.onnx.{kind}" if is_message else None,
                label=field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL,
            )
    pool = require("google.protobuf.descriptor_pool", extra="ocr").DescriptorPool()
    pool.Add(file)
    factory = require("google.protobuf.message_factory", extra="ocr")
    return factory.GetMessageClass(pool.FindMessageTypeByName("colregion.onnx.Model"))
