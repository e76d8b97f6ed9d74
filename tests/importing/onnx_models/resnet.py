"""ResNet-50 as an exporter of torch writes it, of zeros: with names of its modules, or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

OUTPUTS = 1000
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Of each stage the width, the units, and the stride of the first."""


class Builder:
    def __init__(self, named: bool) -> None:
        self.named = named
        self.nodes: list[Any] = []
        self.stored: list[Any] = []

    def node(self, type_: str, scope: str, *inputs: str, **attributes: Any) -> str:
        output = f"{type_.lower()}_{len(self.nodes)}"
        name = f"/{scope}/{type_}" if self.named and scope else ""
        self.nodes.append(helper.make_node(type_, inputs, [output], name=name, **attributes))
        return output

    def weight(self, name: str, *shape: int) -> str:
        count = 1
        for size in shape:
            count *= size
        self.stored.append(TensorProto(name=name, dims=shape, data_type=1, raw_data=bytes(4 * count)))
        return name

    def conv(self, scope: str, x: str, inside: int, out: int, kernel: int, stride: int = 1) -> str:
        name = scope.replace("/", ".") if self.named else f"w{len(self.nodes)}"
        weight = self.weight(f"{name}.weight", out, inside, kernel, kernel)
        bias = self.weight(f"{name}.bias", out)
        pads = [kernel // 2] * 4
        more = {"kernel_shape": [kernel] * 2, "pads": pads, "strides": [stride] * 2}
        return self.node("Conv", scope, x, weight, bias, **more)

    def unit(self, scope: str, x: str, inside: int, width: int, stride: int) -> str:
        y = self.node("Relu", f"{scope}/relu", self.conv(f"{scope}/conv1", x, inside, width, 1))
        y = self.node("Relu", f"{scope}/relu_1", self.conv(f"{scope}/conv2", y, width, width, 3, stride))
        y = self.conv(f"{scope}/conv3", y, width, 4 * width, 1)
        if inside != 4 * width:
            x = self.conv(f"{scope}/downsample/downsample.0", x, inside, 4 * width, 1, stride)
        return self.node("Relu", f"{scope}/relu_2", self.node("Add", scope, y, x))


def resnet50(named: bool = True) -> Any:
    """The model, of an input N×3×224×224."""
    of = Builder(named)
    x = of.node("Relu", "relu", of.conv("conv1", "x", 3, 64, 7, 2))
    x = of.node("MaxPool", "maxpool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    inside = 64
    for number, (width, units, stride) in enumerate(STAGES, start=1):
        for unit in range(units):
            scope = f"layer{number}/layer{number}.{unit}"
            x = of.unit(scope, x, inside, width, 1 if unit else stride)
            inside = 4 * width
    x = of.node("Flatten", "", of.node("GlobalAveragePool", "avgpool", x))
    weight, bias = of.weight("fc.weight", OUTPUTS, inside), of.weight("fc.bias", OUTPUTS)
    x = of.node("Gemm", "fc", x, weight, bias, transB=1)
    given = helper.make_tensor_value_info("x", 1, ["N", 3, 224, 224])
    made = helper.make_value_info(x, onnx.TypeProto())
    graph = helper.make_graph(of.nodes, "resnet50", [given], [made], of.stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write(path: Path, named: bool = True) -> Path:
    path.write_bytes(resnet50(named).SerializeToString())
    return path


if __name__ == "__main__":
    import sys

    write(Path(sys.argv[1]))
