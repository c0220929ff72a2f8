"""The weight file of FORMAT.md: written from a trained net, and run by a plain reference."""

import json
import pathlib
import struct

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import nets

MAGIC = b"SLNN0002"
# The greatest activation kept as a byte or as a word, the greatest weight beside bytes, steps of the input in one of luma: FORMAT.md.
BYTES, WORDS, BYTE_WEIGHTS, LUMA_STEPS = 127, 8191, 63, 32


class Writer:
    """Collects nodes and weights in order of computation."""

    def __init__(self):
        self.nodes: list[dict] = []
        self.weights: list[np.ndarray] = []
        self.at = 0

    def put(self, values: Tensor) -> int:
        at = self.at
        self.weights.append(values.detach().double().contiguous().numpy().ravel())
        self.at += values.numel()
        return at

    def conv(self, layer: "nets.Conv | nets.Head", x: str, out: str, act: str = "none") -> str:
        conv = layer.conv
        weight, bias = conv.weight.detach().double(), conv.bias
        bias = torch.zeros(conv.out_channels, dtype=torch.double) if bias is None else bias.detach().double()
        if isinstance(layer, nets.Conv):
            norm = layer.norm
            gain = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
            weight = weight * gain[:, None, None, None]
            bias = norm.bias.detach().double() + (bias - norm.running_mean.double()) * gain
            act = "relu" if layer.relu else act
        py, px = conv.padding
        self.nodes.append(
            {"op": "conv", "in": x, "out": out, "kernel": list(conv.kernel_size), "stride": list(conv.stride), "pad": [py, px, py, px],
             "channels": [conv.in_channels, conv.out_channels], "act": act,
             "weight": self.put(weight.permute(2, 3, 1, 0)), "bias": self.put(bias)}
        )
        return out

    def add(self, a: str, b: str, out: str, act: str = "relu") -> str:
        self.nodes.append({"op": "add", "in": [a, b], "out": out, "act": act})
        return out

    def unary(self, op: str, x: str, out: str) -> str:
        self.nodes.append({"op": op, "in": x, "out": out})
        return out

    def residual(self, block: nets.Residual, x: str, out: str) -> str:
        return self.add(x, self.conv(block.body, x, out + "_body"), out)

    def write(self, path: pathlib.Path, name: str, output: str, inputs: dict, meta: dict) -> None:
        header = {"name": name, "dtype": "f16", "input": {"name": "x", "channels": 1, **inputs}, "nodes": self.nodes,
                  "outputs": [output], "meta": meta}
        text = json.dumps(header, separators=(",", ":")).encode()
        values = np.concatenate(self.weights).astype("<f2")
        if not np.isfinite(values).all():
            raise ValueError("a weight does not fit half precision")
        path.write_bytes(MAGIC + struct.pack("<I", len(text)) + text + values.tobytes())


def detector_graph(net: nets.Detector) -> tuple[Writer, str]:
    w = Writer()
    s4 = w.conv(net.stem, "x", "s4")

    def down(x: str, layers: torch.nn.Sequential, stride: int) -> str:
        x = w.conv(layers[0], x, f"d{stride}")
        for n, layer in enumerate(layers[1:]):
            x = w.residual(layer, x, f"s{stride}.{n}")
        return x

    s8 = down(s4, net.down8, 8)
    s16 = down(s8, net.down16, 16)
    s32 = down(s16, net.down32, 32)
    up16 = w.add(s16, w.unary("upsample2", w.conv(net.lateral32, s32, "l32"), "u16"), "m16")
    up8 = w.add(s8, w.unary("upsample2", w.conv(net.lateral16, up16, "l16"), "u8"), "m8")
    heads = w.conv(net.head, w.conv(net.merge8, up8, "h8"), "heads8")
    return w, w.unary("depth_to_space2", heads, "heads")


def refiner_graph(net: nets.Refiner) -> tuple[Writer, str]:
    return chain(net, "edges")


def reader_graph(net: nets.Reader) -> tuple[Writer, str]:
    return chain(net, "symbols")


def chain(net: nets.Refiner | nets.Reader, output: str) -> tuple[Writer, str]:
    """A body of layers one after the other, and a head."""
    w, x = Writer(), "x"
    for n, layer in enumerate(net.body):
        x = w.residual(layer, x, f"b{n}") if isinstance(layer, nets.Residual) else w.conv(layer, x, f"b{n}")
    return w, w.conv(net.head, x, output)


class Model:
    """A weight file, run layer by layer: in the steps that it says, or in single precision."""

    def __init__(self, path: pathlib.Path):
        data = path.read_bytes()
        if data[:8] != MAGIC:
            raise ValueError(f"{path} is not a weight file of this version")
        (n,) = struct.unpack("<I", data[8:12])
        self.header, self.payload = json.loads(data[12 : 12 + n]), data[12 + n :]
        kind = {"f16": "<f2", "f32": "<f4"}[self.header["dtype"]]
        self.weights = torch.from_numpy(np.frombuffer(self.payload, kind).astype(np.float32))
        self.meta = self.header["meta"]
        self.quantised = any("keep" in node for node in self.header["nodes"])
        self.watch = None
        kept = {node["out"]: node.get("keep") for node in self.header["nodes"]} | {self.header["input"]["name"]: {"words": 1.0}}
        self.convs = {}
        for node in self.header["nodes"]:
            if node["op"] == "conv":
                (kh, kw), (cin, cout) = node["kernel"], node["channels"]
                count = kh * kw * cin * cout
                weight = self.weights[node["weight"] : node["weight"] + count].reshape(kh, kw, cin, cout)
                weight = weight.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
                whole = in_steps(weight, kept[node["in"]] or {}).contiguous(memory_format=torch.channels_last)
                self.convs[node["out"]] = (weight, whole, self.weights[node["bias"] : node["bias"] + cout])

    def rewrite(self, path: pathlib.Path) -> None:
        """The same weights under this header."""
        text = json.dumps(self.header, separators=(",", ":")).encode()
        path.write_bytes(MAGIC + struct.pack("<I", len(text)) + text + self.payload)

    def normalise(self, luma: np.ndarray) -> Tensor:
        """[N, H, W] luma → [N, 1, H, W]."""
        x, rule = torch.from_numpy(np.ascontiguousarray(luma)).float()[:, None], self.header["input"]
        if rule["normalise"] == "fixed":
            centre, unit = rule["mean"] * 255, rule["scale"] / 255
        else:
            centre = x.mean((1, 2, 3), keepdim=True)
            unit = 1 / x.std((1, 2, 3), keepdim=True, correction=0).clamp(min=rule["floor"])
        x = x - centre
        return (torch.round(x * LUMA_STEPS) / LUMA_STEPS if self.quantised else x) * unit

    @torch.no_grad()
    def run(self, luma: np.ndarray) -> np.ndarray:
        """[N, H, W] luma → the output, [N, rows, columns, channels]."""
        values = {self.header["input"]["name"]: self.normalise(luma).contiguous(memory_format=torch.channels_last)}
        for node in self.header["nodes"]:
            op, x = node["op"], node["in"]
            if op == "conv":
                weight, whole, bias = self.convs[node["out"]]
                t, l, b, r = node["pad"]
                y = F.conv2d(F.pad(values[x], (l, r, t, b)), whole if self.quantised else weight, bias, node["stride"])
            elif op == "add":
                y = values[x[0]] + values[x[1]]
            elif op == "upsample2":
                y = F.interpolate(values[x], scale_factor=2, mode="nearest")
            elif op == "depth_to_space2":
                y = nets.depth_to_space2(values[x])
            else:
                raise ValueError(f"no such layer: {op}")
            y = torch.relu(y) if node.get("act") == "relu" else y
            if self.watch:
                self.watch(node["out"], y)
            values[node["out"]] = kept_as(y, node.get("keep")) if self.quantised else y
        return values[self.header["outputs"][0]].permute(0, 2, 3, 1).numpy()


def kept_as(x: Tensor, keep: dict | None) -> Tensor:
    """What numbers are worth after they were kept in steps."""
    if not keep:
        return x
    (kind, peak), = keep.items()
    least, most = (0, BYTES) if kind == "bytes" else (-WORDS, WORDS)
    step = peak / most
    return torch.clamp(torch.round(x / step), least, most) * step


def in_steps(weight: Tensor, keep: dict) -> Tensor:
    """Weights as they are multiplied, in whole steps of each output channel's greatest, beside activations that are kept so."""
    products = weight[0].numel()
    most = BYTE_WEIGHTS if "bytes" in keep else min(WORDS, (2**31 - 1) // (WORDS * products))
    step = weight.abs().amax((1, 2, 3), keepdim=True) / most
    step = torch.where(step > 0, step, torch.ones_like(step))
    return torch.round(weight / step) * step
