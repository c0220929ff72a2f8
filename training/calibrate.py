"""Chooses thresholds and margins on held-out training pictures, never on a measuring set, and writes operating.json.

For each class: the lowest threshold at which a picture has no more than `--false` regions that touch nothing labelled, and for
each side the margin that covers that side of all but a few in a hundred of the found boxes.
"""

import argparse
import json
import pathlib

import numpy as np
import torch

from export import OPERATING
from eyes import Eyes, overlap
from pack import Pack
from scenes import LONG_SIDE

GRID = [0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.22, 0.25, 0.28, 0.3, 0.33, 0.36, 0.4, 0.45, 0.5, 0.55, 0.6]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--false", type=float, default=0.4)
    parser.add_argument("--side", type=float, default=0.98, help="share of found boxes whose side the margin covers")
    parser.add_argument("--most", type=int, default=120, help="held-out pictures of each set")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    eyes = Eyes(args.models)
    operating = json.loads(OPERATING.read_text())
    totals = {}
    for k, kind in enumerate(("plate", "face")):
        wanted, found, real_images = [], [], 0
        by_set: dict[str, list] = {}
        for stem in args.packs:
            pack, counts = Pack(stem), {}
            for entry in pack.entries:
                name = "simulated" if entry["set"].startswith("simulated/") else entry["set"]
                if not entry["held"] or k not in entry["labelled"] or counts.get(name, 0) >= args.most:
                    continue
                counts[name] = counts.get(name, 0) + 1
                real_images += 1
                got = [d for d in eyes.detect(pack.level(entry, False), {"plate": 0.05, "face": 0.05}) if d[0] == kind]
                truth = [b[:4] for b in entry["boxes"] if b[4] == k]
                where = by_set.setdefault(name, [0, 0, []])
                where[0] += 1
                for box in truth:
                    best = max(got, key=lambda d: overlap(edges(d[2]), edges(box)), default=None)
                    hit = best is not None and overlap(edges(best[2]), edges(box)) >= 0.5
                    wanted.append((best[1] if hit else 0.0, name))
                    if best is not None and overlap(edges(best[2]), edges(box)) >= 0.4 and best[1] >= 0.2:
                        # One grid pixel is added to every side anyway.
                        found.append(shortfall(best[2], box, max(entry["w"], entry["h"]) / LONG_SIDE))
                for d in got:
                    if not any(touches(d[2], b) for b in truth + entry["ignore"]):
                        where[2].append(d[1])
        total = sum(w[0] for w in by_set.values())
        for threshold in GRID:
            false = sum(s >= threshold for w in by_set.values() for s in w[2]) / total
            if false <= args.false:
                break
        margins = [round(max(0.0, float(np.quantile(s, args.side))), 3) for s in np.array(found).T]
        median = [round(float(np.median(s)), 3) for s in np.array(found).T]
        print(f"{kind}: threshold {threshold}, false {false:.2f} an image over {total}; shortfall l t r b: median {median}, margins {margins}")
        for name, (images, _, scores) in by_set.items():
            hits = [s for s, n in wanted if n == name]
            if hits:
                print(f"  {name}: detected {sum(s >= threshold for s in hits)}/{len(hits)}, false {sum(s >= threshold for s in scores) / images:.2f}")
            else:
                print(f"  {name}: false {sum(s >= threshold for s in scores) / images:.2f}")
        totals[kind] = (threshold, margins)
    if args.write:
        operating["detector"]["threshold"]["redact"] = {kind: t for kind, (t, _) in totals.items()}
        operating["detector"]["margin"] = {kind: m for kind, (_, m) in totals.items()}
        OPERATING.write_text(json.dumps(operating, indent=2) + "\n")


def edges(box):
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def touches(a, b) -> bool:
    return min(a[0] + a[2], b[0] + b[2]) > max(a[0], b[0]) and min(a[1] + a[3], b[1] + b[3]) > max(a[1], b[1])


def shortfall(got, truth, spare: float) -> list[float]:
    """How far the truth reaches beyond the found box and `spare` pixels on each side, as shares of the found box."""
    (l, t, r, b), (tl, tt, tr, tb) = edges(got), edges(truth)
    return [(l - tl - spare) / got[2], (t - tt - spare) / got[3], (tr - r - spare) / got[2], (tb - b - spare) / got[3]]


if __name__ == "__main__":
    main()
