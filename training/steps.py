"""Chooses how a net's tensors are kept (FORMAT.md, *Steps*), on held-out training pictures, and writes it into the weight files.

What a convolution with many others behind it multiplies is kept in bytes, whose peak is the one that rounding and cutting off cost
least; what only a head or a lateral sum is made of, in words, which cost next to nothing.
"""

import argparse
import pathlib

import numpy as np
import torch

import slnn
from eyes import Eyes
from pack import Pack

# Values of each tensor that are looked at, in all and of each run.
MOST, EACH = 400_000, 4_000
# How much of a tensor's range beyond all that was seen words have room for.
ROOM = 1.5


class Watched:
    """A net, and a sample of what each of its tensors holds while it runs."""

    def __init__(self, model: slnn.Model):
        self.model, self.seen, self.rng = model, {}, np.random.default_rng(1)
        self.model.watch = self.look

    def look(self, name: str, values: torch.Tensor) -> None:
        values = values.flatten()
        some = values[torch.from_numpy(self.rng.integers(0, len(values), EACH))]
        known, most = self.seen.get(name, ([], 0.0))
        if len(known) * EACH < MOST:
            known.append(some.numpy().copy())
        self.seen[name] = known, max(most, float(values.abs().max()))

    def steps(self) -> None:
        """Says for each node how its result is kept."""
        header = self.model.header
        for node in header["nodes"]:
            node.pop("keep", None)
            kind = keeping(node, header)
            if kind is None:
                continue
            known, most = self.seen[node["out"]]
            peak = ROOM * most if kind == "words" else best_peak(np.concatenate(known))
            node["keep"] = {kind: float(f"{peak:.5g}")}


def keeping(node: dict, header: dict) -> str | None:
    """`bytes`, `words`, or `None` for what nothing multiplies."""
    if node["op"] not in ("conv", "add"):
        return None
    convolutions = [n for n in header["nodes"] if n["op"] == "conv" and n["in"] == node["out"]]
    if not convolutions:
        # What others read only to add it, or to enlarge it first.
        added = any(n["op"] == "add" and node["out"] in n["in"] for n in header["nodes"])
        return "bytes" if added and node["act"] == "relu" else None
    return "words" if all(last(n, header) for n in convolutions) else "bytes"


def last(node: dict, header: dict) -> bool:
    """Whether what this convolution makes is an output, or enlarged to be one addend of many."""
    readers = [n for n in header["nodes"] if n["in"] == node["out"] or node["out"] in n["in"]]
    return node["act"] == "none" and all(n["op"] in ("depth_to_space2", "upsample2") for n in readers)


def best_peak(values: np.ndarray) -> float:
    """The peak at which 127 steps lose least of what is there, squared."""
    values = values[values > 0]
    if len(values) == 0:
        return 1.0

    def lost(peak: float) -> float:
        step = peak / slnn.BYTES
        return float(((np.clip(np.round(values / step), 0, slnn.BYTES) * step - values) ** 2).mean())

    return min(np.quantile(values, [0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 1.0]), key=lost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--most", type=int, default=30, help="held-out pictures of each set")
    args = parser.parse_args()
    torch.set_num_threads(1)
    eyes = Eyes(args.models)
    refiners = {f"refine-{kind}": net for kind, net in eyes.refiners.items()}
    nets = {"detector": eyes.detector, **refiners, "refine-head": eyes.heads, "reader": eyes.reader}
    for net in nets.values():
        net.quantised = False
    watched = {name: Watched(net) for name, net in nets.items()}
    for stem in args.packs:
        pack, counts = Pack(stem), {}
        for entry in pack.entries:
            if not entry["held"] or counts.setdefault(entry["set"], 0) >= args.most:
                continue
            counts[entry["set"]] += 1
            image = pack.level(entry, False)
            for kind, score, (x, y, w, h) in eyes.detect(image):
                if kind == "plate":
                    eyes.read(image, [x, y, w, h])
            faces = [box for kind, _, box in eyes.proposals(image, eyes.detector.meta["propose"]) if kind == "face"]
            eyes.refined(image, "head", faces, mirrored=True)
    for name, net in watched.items():
        net.steps()
        net.model.rewrite(args.models / f"{name}.slnn")
        kept = {node["out"]: node["keep"] for node in net.model.header["nodes"] if "keep" in node}
        print(f"{name}: {kept}")


if __name__ == "__main__":
    main()
