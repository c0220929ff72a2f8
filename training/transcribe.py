"""Reads the plates of training photographs, whose truth has boxes but no text, and keeps what the reader is sure of.

Eight crops of each plate, seven of them with a displaced box, must give the same text (all but one), and with confidence: so the
reader learns from real plates of a hundred designs that nobody transcribed, at sizes smaller than those at which it could read them.
"""

import argparse
import collections
import json
import pathlib

import numpy as np
import torch

import slnn
from pack import grey, held_out, rows
from crop import cut
from plates import LONGEST

SETS = ("world", "ro", "tn")


def greedy(logits: np.ndarray, meta: dict) -> tuple[str, float]:
    """The best path's text and probability."""
    x = logits.reshape(-1, logits.shape[-1])
    x = x - x.max(1, keepdims=True)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    best, text, last = log_p.argmax(1), "", meta["blank"]
    for symbol in best:
        if symbol != last and symbol != meta["blank"]:
            text += meta["alphabet"][symbol - 1]
        last = symbol
    return text, float(np.exp(log_p.max(1).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--least", type=float, default=0.5, help="probability from which a text is kept")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader, rng, told, tried = slnn.Model(args.models / "reader.slnn"), np.random.default_rng(3), [], 0
    for name in SETS:
        folder = args.data / "plates-train" / name
        for row in rows(folder):
            path = f"plates-train/{name}/{row['path']}"
            plates = [r["box"] for r in row["regions"] if r["kind"] == "plate" and r["box"][2] >= 44 and r["box"][3] >= 12]
            if not plates or held_out(path):
                continue
            image = grey(args.data / path)
            for x, y, w, h in plates:
                tried += 1
                off = rng.normal(0, 0.04, (8, 4))
                off[0] = 0
                crops = [cut(image, [x - a * w, y - b * h, w * (1 + a + c), h * (1 + b + d)]) for a, b, c, d in off]
                read = [greedy(logits, reader.meta) for logits in reader.run(np.stack(crops))]
                text, votes = collections.Counter(t for t, _ in read).most_common(1)[0]
                sure = float(np.median([p for t, p in read if t == text]))
                if 4 <= len(text) < LONGEST and votes >= 7 and sure >= args.least:
                    told.append([path, [x, y, w, h], text])
    args.out.write_text(json.dumps(told))
    print(f"{len(told)} of {tried} plates")


if __name__ == "__main__":
    main()
