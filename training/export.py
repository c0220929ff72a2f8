"""Writes `models/*.slnn` from checkpoints, checks them against the nets, and keeps thresholds and margins with them."""

import argparse
import json
import pathlib

import numpy as np
import torch

import glyphs
import nets
import slnn
from plates import COLUMNS, GROW, ROWS
from scenes import LONG_SIDE, STRIDE
from train_detector import MEAN, RAW_MAX, RAW_MIN, SCALE, normalised
from train_reader import FLOOR, standard

# Pictures longer than twice this get a second look: at half size a face of 16 pixels is 8, and half of such faces are missed.
TILE_ABOVE = 600
# Chosen on held-out training pictures by calibrate.py, which rewrites operating.json.
OPERATING = pathlib.Path(__file__).with_name("operating.json")


def averaged(net: torch.nn.Module, checkpoint: pathlib.Path) -> tuple[torch.nn.Module, dict]:
    state = torch.load(checkpoint, weights_only=True)
    net.load_state_dict(state["average"])
    return net.eval(), {"steps": state["step"], "crops": state["seen"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detector", type=pathlib.Path)
    parser.add_argument("--reader", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    operating = json.loads(OPERATING.read_text())
    rng = np.random.default_rng(3)
    if args.detector:
        net, told = averaged(nets.Detector(), args.detector)
        graph, output = slnn.detector_graph(net)
        meta = {
            "classes": ["plate", "face"], "stride": STRIDE, "raw_min": RAW_MIN, "raw_max": RAW_MAX,
            "grid": {"long_side": LONG_SIDE, "multiple": 32, "pad_value": 114, "tile_above": TILE_ABOVE},
            **operating["detector"], "nms_iou": 0.5, "max_candidates": 256, "trained": told,
        }
        path = args.out / "detector.slnn"
        graph.write(path, "detector", output, {"normalise": "fixed", "mean": MEAN, "scale": SCALE}, meta)
        luma = rng.integers(0, 256, (1, 96, 160)).astype(np.uint8)
        with torch.no_grad():
            want = net(normalised(torch.from_numpy(luma)[:, None])).permute(0, 2, 3, 1).numpy()
        report(path, want, slnn.Model(path).run(luma))
    if args.reader:
        net, told = averaged(nets.Reader(), args.reader)
        graph, output = slnn.reader_graph(net)
        meta = {"size": [ROWS, COLUMNS], "grow": list(GROW), "rows": 2, "blank": 0, "alphabet": glyphs.ALPHABET,
                **operating["reader"], "trained": told}
        path = args.out / "reader.slnn"
        graph.write(path, "reader", output, {"normalise": "standard", "floor": FLOOR}, meta)
        luma = rng.integers(0, 256, (1, ROWS, COLUMNS)).astype(np.uint8)
        with torch.no_grad():
            want = net(standard(torch.from_numpy(luma)[:, None])).permute(0, 2, 3, 1).numpy()
        report(path, want, slnn.Model(path).run(luma))


def report(path: pathlib.Path, want: np.ndarray, got: np.ndarray) -> None:
    off = float(np.abs(want - got).max())
    print(f"{path.name}: {path.stat().st_size} bytes, output {list(got.shape[1:])}, half-precision weights move it by at most {off:.4f}")
    if off > 0.25:
        raise SystemExit("the file does not say what the net says")


if __name__ == "__main__":
    main()
