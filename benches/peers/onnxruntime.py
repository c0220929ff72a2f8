#!/usr/bin/env python3
"""Every net of models/ in ONNX Runtime, in single precision and in bytes, and in our engine with each instruction set that this processor
has: the same input, one thread, in turns. See README.md."""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import HERE, ROOT, enter, processor

# Importing a package of this file's own name would find this file.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]

enter(__file__)

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnxruntime import quantization  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

# How far bytes may be from single precision, as a share of the greatest output.
TOLERANCE = 0.2
SETS = ("portable", "avx2", "avx-vnni", "avx512", "avx512-vnni")


class WeightFile:
    """A weight file of training/FORMAT.md."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        if data[:8] != b"SLNN0002":
            sys.exit(f"{path} is not a weight file of version 2")
        (length,) = struct.unpack("<I", data[8:12])
        self.header = json.loads(data[12 : 12 + length])
        dtype = {"f16": "<f2", "f32": "<f4"}[self.header["dtype"]]
        self.weights = np.frombuffer(data, dtype, offset=12 + length).astype(np.float32)

    def normalised(self, luma: np.ndarray) -> np.ndarray:
        """The net's input, [1, 1, rows, columns]."""
        how = self.header["input"]
        if how["normalise"] == "fixed":
            x = (luma / 255.0 - how["mean"]) * how["scale"]
        else:
            x = (luma - luma.mean(dtype=np.float64)) / max(luma.std(dtype=np.float64), how["floor"])
        return x.astype(np.float32)[None, None]

    def onnx(self) -> onnx.ModelProto:
        """The same net as ONNX, channels first."""
        nodes, constants = [], []

        def constant(name: str, value: np.ndarray) -> str:
            constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
            return name

        def emit(op: str, inputs: list, node: dict, **attributes) -> None:
            relu = node.get("act") == "relu"
            result = node["out"] + "_linear" if relu else node["out"]
            nodes.append(helper.make_node(op, inputs, [result], **attributes))
            if relu:
                nodes.append(helper.make_node("Relu", [result], [node["out"]]))

        for node in self.header["nodes"]:
            op, out = node["op"], node["out"]
            if op == "conv":
                (kh, kw), (cin, cout) = node["kernel"], node["channels"]
                shape = (kh, kw, cin, cout)
                weight = self.weights[node["weight"] :][: np.prod(shape)].reshape(shape).transpose(3, 2, 0, 1)
                bias = self.weights[node["bias"] :][:cout]
                operands = [node["in"], constant(out + "_weight", weight), constant(out + "_bias", bias)]
                emit("Conv", operands, node, kernel_shape=node["kernel"], strides=node["stride"], pads=node["pad"])
            elif op == "add":
                emit("Add", node["in"], node)
            elif op == "upsample2":
                nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                twice = constant(out + "_scales", np.array([1, 1, 2, 2], np.float32))
                emit("Resize", [node["in"], "", twice], node, **nearest)
            elif op == "depth_to_space2":
                emit("DepthToSpace", [node["in"]], node, blocksize=2, mode="DCR")
            else:
                sys.exit(f"no ONNX is known for {op}")
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
        inputs = [value(self.header["input"]["name"], [1, 1, "rows", "columns"])]
        outputs = [value(name, [1, *(f"{name}_{side}" for side in ("channels", "rows", "columns"))]) for name in self.header["outputs"]]
        graph = helper.make_graph(nodes, self.header["name"], inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return model

    def input_size(self) -> tuple[int, int]:
        """Columns and rows: what `meta` says, or the detector's grid of a picture of 1280×720."""
        rows, columns = self.header["meta"].get("size", (384, 640))
        return columns, rows


def picture(columns: int, rows: int) -> np.ndarray:
    """Luma with edges, gradients and noise, always the same."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:rows, :columns]
    luma = 90 + 60 * np.sin(x / 23) * np.cos(y / 17) + random.normal(0, 6, (rows, columns))
    for _ in range(40):
        left, top = random.integers(columns), random.integers(rows)
        luma[top : top + random.integers(4, 30), left : left + random.integers(4, 60)] += random.normal(0, 60)
    return luma.clip(0, 255).astype(np.uint8)


class Ours:
    """Our engine, through its example program, held to an instruction set."""

    def __init__(self, program: Path, weights: Path, luma: np.ndarray, folder: Path, instructions: str):
        plane, self.out = folder / "luma.raw", folder / "out.raw"
        plane.write_bytes(luma.tobytes())
        rows, columns = luma.shape
        self.command = [program, weights, plane, str(columns), str(rows)]
        self.environment = {**os.environ, "SAFELIGHT_INSTRUCTIONS": instructions}

    def run(self, runs: int) -> dict | None:
        """Nothing where this processor has no such instructions."""
        command = [*self.command, "--runs", str(runs), "--out", self.out]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def outputs(self) -> np.ndarray:
        return np.fromfile(self.out, "<f4")


def theirs(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def in_bytes(model: onnx.ModelProto, feed: dict, folder: Path) -> bytes:
    """The net with activations and weights in bytes, as ONNX Runtime's own tool makes it."""

    class Once(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = [feed]

        def get_next(self):
            return self.left.pop() if self.left else None

    single, whole = folder / "single.onnx", folder / "bytes.onnx"
    onnx.save(model, single)
    kinds = {"activation_type": quantization.QuantType.QUInt8, "weight_type": quantization.QuantType.QInt8}
    quantization.quantize_static(single, whole, Once(), per_channel=True, reduce_range=True, **kinds)
    return whole.read_bytes()


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """The greatest difference, as a share of the greatest number."""
    if found.shape != wanted.shape:
        return float("inf")
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))


def compare(path: Path, program: Path, rounds: int, runs: int) -> dict:
    file = WeightFile(path)
    columns, rows = file.input_size()
    luma = picture(columns, rows)
    feed = {file.header["input"]["name"]: file.normalised(luma)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = file.onnx()
        sessions = {"single": theirs(model.SerializeToString()), "bytes": theirs(in_bytes(model, feed, folder))}
        wanted = np.concatenate([out.transpose(0, 2, 3, 1).ravel() for out in sessions["single"].run(None, feed)])
        ours, answers = {}, {}
        for instructions in SETS:
            engine = Ours(program, path, luma, folder, instructions)
            if engine.run(1) is not None:
                ours[instructions], answers[instructions] = engine, engine.outputs()
        if len({answer.tobytes() for answer in answers.values()}) != 1:
            sys.exit(f"{path.name}: instruction sets differ")
        apart = distance(next(iter(answers.values())), wanted)
        if not apart <= TOLERANCE:
            sys.exit(f"{path.name}: ours differs from ONNX Runtime by {apart:.2g} of the greatest output")
        least = dict.fromkeys([*sessions, *ours], float("inf"))
        for _ in range(rounds):
            for instructions, engine in ours.items():
                least[instructions] = min(least[instructions], engine.run(runs if instructions != "portable" else 3)["least_us"])
            for precision, session in sessions.items():
                for _ in range(runs):
                    start = time.perf_counter()
                    session.run(None, feed)
                    least[precision] = min(least[precision], (time.perf_counter() - start) * 1e6)
    return {"net": path.stem, "input": f"{columns}×{rows}", "apart": apart, "least": least}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", type=Path, default=sorted((ROOT / "models").glob("*.slnn")))
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/examples/engine")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each engine")
    parser.add_argument("--runs", type=int, default=100, help="runs in a turn")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        sys.exit("first: cargo build --release --example engine")
    print(f"ONNX Runtime {onnxruntime.__version__}, one thread; least of {arguments.rounds} × {arguments.runs} runs; {processor()}\n")
    results = [compare(path, arguments.program.resolve(), arguments.rounds, arguments.runs) for path in arguments.nets]
    names = {"single": "ONNX Runtime, single", "bytes": "ONNX Runtime, bytes"}
    columns = list(results[0]["least"])
    print("| net | input | " + " | ".join(names.get(column, f"ours, {column}") for column in columns) + " | apart |")
    print("|---" * (len(columns) + 3) + "|")
    for result in results:
        times = [f"{result['least'][column]:.0f} µs" for column in columns]
        print("| " + " | ".join([result["net"], result["input"], *times, f"{result['apart']:.3f}"]) + " |")


if __name__ == "__main__":
    main()
