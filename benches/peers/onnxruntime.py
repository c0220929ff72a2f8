#!/usr/bin/env python3
"""Every net of models/ in ONNX Runtime and in our engine: the same input, one thread, in turns. See README.md."""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import HERE, ROOT, enter

# Importing a package of this file's own name would find this file.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]

enter(__file__)

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

TOLERANCE = 1e-4


class WeightFile:
    """A weight file of training/FORMAT.md."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        if data[:8] != b"SLNN0001":
            sys.exit(f"{path} is not a weight file of version 1")
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
                depthwise = node.get("depthwise", False)
                shape = (kh, kw, 1, cout) if depthwise else (kh, kw, cin, cout)
                weight = self.weights[node["weight"] :][: np.prod(shape)].reshape(shape).transpose(3, 2, 0, 1)
                bias = self.weights[node["bias"] :][:cout]
                operands = [node["in"], constant(out + "_weight", weight), constant(out + "_bias", bias)]
                group = cin if depthwise else 1
                emit("Conv", operands, node, kernel_shape=node["kernel"], strides=node["stride"], pads=node["pad"], group=group)
            elif op == "add":
                emit("Add", node["in"], node)
            elif op == "upsample2":
                nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                twice = constant(out + "_scales", np.array([1, 1, 2, 2], np.float32))
                emit("Resize", [node["in"], "", twice], node, **nearest)
            elif op == "depth_to_space2":
                emit("DepthToSpace", [node["in"]], node, blocksize=2, mode="DCR")
            elif op == "concat":
                emit("Concat", node["in"], node, axis=1)
            elif op == "maxpool":
                emit("MaxPool", [node["in"]], node, kernel_shape=node["kernel"], strides=node["stride"])
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
    """Our engine, through its example program."""

    def __init__(self, program: Path, weights: Path, luma: np.ndarray, folder: Path, single: bool):
        plane, self.out = folder / "luma.raw", folder / "out.raw"
        plane.write_bytes(luma.tobytes())
        rows, columns = luma.shape
        self.command = [program, weights, plane, str(columns), str(rows), *(["--single"] if single else [])]

    def run(self, runs: int) -> dict:
        command = [*self.command, "--runs", str(runs), "--out", self.out]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def outputs(self) -> np.ndarray:
        self.run(0)
        return np.fromfile(self.out, "<f4")


def theirs(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


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
    session = theirs(file.onnx())
    wanted = np.concatenate([out.transpose(0, 2, 3, 1).ravel() for out in session.run(None, feed)])
    with tempfile.TemporaryDirectory() as folder:
        ours = {how: Ours(program, path, luma, Path(folder), how == "single") for how in ("single", "fast")}
        apart = {how: distance(engine.outputs(), wanted) for how, engine in ours.items()}
        if not apart["single"] <= TOLERANCE:
            sys.exit(f"{path.name}: ours differs from ONNX Runtime by {apart['single']:.2g} of the greatest output")
        least = {"onnxruntime": float("inf"), "single": float("inf"), "fast": float("inf")}
        sets = {}
        for _ in range(rounds):
            for how, engine in ours.items():
                report = engine.run(runs)
                sets[how] = report["instruction_set"]
                least[how] = min(least[how], report["least_us"])
            for _ in range(runs):
                start = time.perf_counter()
                session.run(None, feed)
                least["onnxruntime"] = min(least["onnxruntime"], (time.perf_counter() - start) * 1e6)
    return {"net": path.stem, "input": f"{columns}×{rows}", "apart": apart, "least": least, "sets": sets}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", type=Path, default=sorted((ROOT / "models").glob("*.slnn")))
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/examples/engine")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each engine")
    parser.add_argument("--runs", type=int, default=100, help="runs in a turn")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        sys.exit("first: cargo build --release --example engine")
    print(f"ONNX Runtime {onnxruntime.__version__}, one thread; least of {arguments.rounds} × {arguments.runs} runs\n")
    print("| net | input | ONNX Runtime | ours, single | ratio | ours, fast | ratio | single apart | fast apart |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in arguments.nets:
        result = compare(path, arguments.program.resolve(), arguments.rounds, arguments.runs)
        least, apart = result["least"], result["apart"]
        cells = [result["net"], result["input"], f"{least['onnxruntime']:.0f} µs"]
        for how in ("single", "fast"):
            cells += [f"{least[how]:.0f} µs ({result['sets'][how]})", f"{least['onnxruntime'] / least[how]:.2f}"]
        cells += [f"{apart['single']:.1e}", f"{apart['fast']:.1e}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
