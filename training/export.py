"""Writes `models/*.slnn` from checkpoints, checks them against the nets, and keeps thresholds and margins with them."""

import argparse
import json
import pathlib

import numpy as np
import torch

import glyphs
import nets
import slnn
from pack import KINDS
from crop import COLUMNS, GROW, ROWS
from refine_data import WINDOW
from scenes import GRID, STRIDE
from train_detector import MEAN, RAW_MAX, RAW_MIN, SCALE, normalised
from train_reader import FLOOR, standard

# Chosen on held-out training pictures by calibrate.py, which rewrites operating.json.
OPERATING = pathlib.Path(__file__).with_name("operating.json")


def averaged(net: torch.nn.Module, checkpoint: pathlib.Path) -> tuple[torch.nn.Module, dict]:
    state = torch.load(checkpoint, weights_only=True)
    net.load_state_dict(state["average"])
    return net.eval(), {"steps": state["step"], "crops": state["seen"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detector", type=pathlib.Path)
    parser.add_argument("--refine-plate", type=pathlib.Path)
    parser.add_argument("--refine-face", type=pathlib.Path)
    parser.add_argument("--refine-head", type=pathlib.Path)
    parser.add_argument("--reader", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    operating = json.loads(OPERATING.read_text())
    standardised = {"normalise": "standard", "floor": FLOOR}
    if args.detector:
        net, told = averaged(nets.Detector(), args.detector)
        meta = {
            "classes": ["plate", "face"], "stride": STRIDE, "raw_min": RAW_MIN, "raw_max": RAW_MAX, "grid": GRID,
            **operating["detector"], "nms_iou": 0.5, "refined_iou": 0.4, "trained": told,
        }
        write(args.out, "detector", net, slnn.detector_graph(net), {"normalise": "fixed", "mean": MEAN, "scale": SCALE}, meta, [96, 160], normalised)
    for kind, checkpoint in (("plate", args.refine_plate), ("face", args.refine_face), ("head", args.refine_head)):
        if checkpoint:
            shape = WINDOW[KINDS["plate" if kind == "plate" else "face"]]
            net, told = averaged(nets.Refiner(*shape["size"], deep=kind != "plate"), checkpoint)
            meta = {"kind": kind, **shape, **operating["refiner"][kind], "trained": told}
            write(args.out, f"refine-{kind}", net, slnn.refiner_graph(net), standardised, meta, shape["size"], standard)
    if args.reader:
        net, told = averaged(nets.Reader(), args.reader)
        meta = {"size": [ROWS, COLUMNS], "grow": list(GROW), "rows": 2, "blank": 0, "alphabet": glyphs.ALPHABET,
                **operating["reader"], "trained": told}
        write(args.out, "reader", net, slnn.reader_graph(net), standardised, meta, [ROWS, COLUMNS], standard)


def write(out: pathlib.Path, name: str, net, graph, inputs: dict, meta: dict, size: list[int], normalise) -> None:
    """Writes one file and compares what it says with what the net says."""
    writer, output = graph
    path = out / f"{name}.slnn"
    writer.write(path, name, output, inputs, meta)
    luma = np.random.default_rng(3).integers(0, 256, (1, *size)).astype(np.uint8)
    with torch.no_grad():
        want = net(normalise(torch.from_numpy(luma)[:, None])).permute(0, 2, 3, 1).numpy()
    got = slnn.Model(path).run(luma)
    off = float(np.abs(want - got).max())
    print(f"{path.name}: {path.stat().st_size} bytes, output {list(got.shape[1:])}, half-precision weights move it by at most {off:.4f}")
    if off > 0.25:
        raise SystemExit("the file does not say what the net says")


if __name__ == "__main__":
    main()
