"""Endless batches of windows around candidates for a refiner: is it one, and where are its edges?

A window is FORMAT.md's crop of a candidate's box. Half of the boxes are truths pushed about, half are what the detector itself
proposed (`mine`), so that the refiner meets the mistakes that it is to mend.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np
import torch

import photo
import slnn
from eyes import candidates, look, overlap, suppressed, to_grid, window
from pack import FACE, PLATE, Pack
from scenes import GAPS, WEIGHTS, Plates

# Rows and columns, and what is added to a box on both sides, in shares of its width and height.
WINDOW = {PLATE: {"size": [48, 96], "grow": [0.5, 0.7]}, FACE: {"size": [64, 64], "grow": [0.5, 0.5]}}
# A candidate that overlaps a truth this much is one; below the second, none; between them nobody is asked.
HIT, MISS = 0.4, 0.15
# Where a class is not labelled or labelled with gaps, what the detector is surer of than this may be real.
DOUBT = {"gaps": 0.5, "silent": 0.3}


def mine(models: pathlib.Path, stems: list[pathlib.Path], out: pathlib.Path) -> None:
    """What the detector proposes on every picture, unsure ones included."""
    detector, told = slnn.Model(models / "detector.slnn"), {}
    meta = detector.meta
    for stem in stems:
        pack = Pack(stem)
        for entry in pack.entries:
            small, sx, sy = to_grid(pack.level(entry, False), look(entry["w"], entry["h"], meta["grid"]), meta["grid"])
            found = suppressed(candidates(detector.run(small[None])[0], meta, {"plate": 0.02, "face": 0.02}), meta["nms_iou"])
            told[entry["path"]] = [
                [PLATE if kind == "plate" else FACE, round(score, 3), *(round(v, 1) for v in (l / sx, t / sy, r / sx, b / sy))]
                for kind, score, (l, t, r, b) in found[:60] if r - l > 2 and b - t > 2
            ]
    out.write_text(json.dumps(told))
    print(f"{len(told)} pictures, {sum(map(len, told.values()))} candidates")


class Windows(torch.utils.data.IterableDataset):
    """Batches of (windows uint8, whether it is one, edges in shares of the window, whether a "no" may be a gap) without end."""

    def __init__(self, packs, mined, data, kind: int, seed: int, count: int, simulated: float):
        self.packs, self.mined, self.data, self.kind = packs, mined, data, kind
        self.seed, self.count, self.simulated = seed, count, simulated

    def __iter__(self):
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        packs, mined = [Pack(stem) for stem in self.packs], json.loads(self.mined.read_text())
        plates = Plates(self.data) if self.kind == PLATE else None
        groups: dict[str, list] = {}
        for pack in packs:
            for entry in pack.entries:
                if not entry["held"]:
                    name = "simulated" if entry["set"].startswith("simulated") else entry["set"]
                    groups.setdefault(name, []).append((pack, entry))
        # Twice as often where the class is labelled.
        odds = {s: w * (2 if self.kind in groups[s][0][1]["labelled"] else 0.5) for s, w in WEIGHTS.items() if s in groups}
        total = sum(odds.values())
        odds = {s: w / total * (1 - self.simulated) for s, w in odds.items()} | {"simulated": self.simulated}
        names, odds = list(odds), np.array(list(odds.values()))
        while True:
            batch = []
            for k in rng.choice(len(names), 4 * self.count, p=odds):
                group = groups[names[k]]
                pack, entry = group[rng.integers(len(group))]
                made = self.one(rng, pack, entry, mined.get(entry["path"], []), plates)
                if made is not None:
                    batch.append(made)
                    if len(batch) == self.count:
                        break
            if len(batch) == self.count:
                yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*batch))

    def one(self, rng, pack: Pack, entry: dict, mined: list, plates):
        kind = self.kind
        truths = [np.array([x, y, x + w, y + h]) for x, y, w, h, k in entry["boxes"] if k == kind]
        hidden = [np.array([x, y, x + w, y + h]) for x, y, w, h in entry["ignore"]]
        proposed = [(score, np.array(box)) for k, score, *box in mined if k == kind]
        image, truth = pack.level(entry, False), None
        large = [t for t in truths if t[2] - t[0] >= (14 if kind == PLATE else 9)]
        if large and rng.random() < 0.55:
            truth = large[rng.integers(len(large))]
            near = [b for _, b in proposed if overlap(b, truth) >= HIT]
            if near and rng.random() < 0.45:
                box = pushed(rng, near[rng.integers(len(near))], 0.05)
            else:
                box = pushed(rng, truth, 0.16 if rng.random() < 0.8 else 0.3)
            if overlap(box, truth) < 0.25:
                return None
        else:
            labelled = kind in entry["labelled"]
            sure = DOUBT["gaps"] if labelled and entry["set"] in GAPS else 2.0 if labelled else DOUBT["silent"]
            if proposed and rng.random() < 0.85:
                # The likelier mistakes are the ones worth learning from.
                weight = np.array([score**0.5 for score, _ in proposed])
                score, box = proposed[rng.choice(len(proposed), p=weight / weight.sum())]
                if score > sure:
                    return None
                box = pushed(rng, box, 0.08)
            else:
                w = np.exp(rng.uniform(np.log(12), np.log(entry["w"] * 0.4)))
                h = w / (rng.uniform(1.2, 5) if kind == PLATE else rng.uniform(0.6, 1.1))
                x, y = rng.uniform(0, entry["w"]), rng.uniform(0, entry["h"])
                box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
            best = max((overlap(box, t) for t in truths), default=0.0)
            if best >= HIT:
                truth = max(truths, key=lambda t: overlap(box, t))
            elif best > MISS or any(overlap(box, t) > 0.05 for t in hidden):
                return None
        if plates is not None and truth is not None and not entry["set"].startswith("simulated") and rng.random() < 0.25:
            image, box, truth = repainted(rng, image, box, truth, plates)
        crop, (x, y, w, h) = window(image, box, WINDOW[kind])
        edges = np.zeros(4, np.float32)
        if truth is not None:
            edges = ((truth - (x, y, x, y)) / (w, h, w, h)).astype(np.float32)
        if rng.random() < (0.5 if kind == FACE else 0.15):
            crop = np.ascontiguousarray(crop[:, ::-1])
            edges = np.array([1 - edges[2], edges[1], 1 - edges[0], edges[3]], np.float32)
        if rng.random() < 0.6:
            crop = photo.photograph(rng, crop.copy())
        return crop[None], np.float32(truth is not None), edges, truth is None and entry["set"] in GAPS


def pushed(rng, box: np.ndarray, much: float) -> np.ndarray:
    """The box moved and stretched as a hasty detector might."""
    w, h = box[2] - box[0], box[3] - box[1]
    cx, cy = (box[0] + box[2]) / 2 + rng.normal(0, much) * w, (box[1] + box[3]) / 2 + rng.normal(0, much) * h
    w, h = w * np.exp(rng.normal(0, 1.3 * much)), h * np.exp(rng.normal(0, 1.3 * much))
    return np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


def repainted(rng, image, box, truth, plates: Plates):
    """The plate covered by another design, in a copy of its surroundings."""
    w, h = truth[2] - truth[0], truth[3] - truth[1]
    x0, y0 = max(0, int(min(box[0], truth[0]) - 2 * w)), max(0, int(min(box[1], truth[1]) - 4 * h))
    patch = image[y0 : int(max(box[3], truth[3]) + 4 * h), x0 : int(max(box[2], truth[2]) + 2 * w)].copy()
    shift = np.array([x0, y0, x0, y0])
    new = plates.paste(rng, patch, truth - shift)
    # The candidate keeps its error relative to the truth.
    ratio = np.array([(new[2] - new[0]) / w, (new[3] - new[1]) / h])
    moved = np.concatenate([new[:2] + (box[:2] - truth[:2]) * ratio, new[2:] + (box[2:] - truth[2:]) * ratio])
    return patch, moved, new


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes what the detector proposes on every packed picture.")
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    mine(args.models, args.packs, args.out)


if __name__ == "__main__":
    main()
