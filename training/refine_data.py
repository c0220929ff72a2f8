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

import covers
import photo
import slnn
import views
from eyes import candidates, look, overlap, suppressed, to_grid, window
from pack import FACE, PLATE, Pack
from scenes import GAPS, WEIGHTS, Plates

# Rows and columns, and what is added to a box on both sides, in shares of its width and height.
WINDOW = {PLATE: {"size": [48, 96], "grow": [0.5, 0.7]}, FACE: {"size": [64, 64], "grow": [0.5, 0.5]}}
# Labels of faces hold heads from behind now and then, and most of those have none. Whoever is to tell heads from all else learns nothing of
# what may be one: candidates of pictures of people that the detector is surer of than this, apart from labelled heads.
MAYBE_HEAD = 0.12
# So much more often a labelled head is taken that a teacher of faces calls none. Below a face is a body, unless a picture shows more people than this.
BEHIND, CROWD = 8.0, 8
# How many faces wear or hold something that is drawn before them.
COVERED = 0.2
# A candidate that overlaps a truth this much is one; below the second, none; between them nobody is asked.
HIT, MISS = 0.4, 0.15
# Where a class is not labelled or labelled with gaps, what the detector is surer of than this may be real.
DOUBT = {"gaps": 0.5, "silent": 0.3}
# How much a teacher's opinion weighs beside the label of a face, and beside that of none; what it says of a box where it sees nothing;
# and what makes a probability of its score's logit, fitted on what the detector proposes on labelled training pictures.
TEACHER, UNSEEN, CURVE = (0.25, 0.6), 0.012, (1.78, 1.54)


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
    """Batches of (windows uint8, whether it is one, edges in shares of the window, whether a "no" may be a gap, how likely it is one, a
    teacher heard) without end."""

    def __init__(self, packs, mined, data, kind: int, seed: int, count: int, simulated: float, taught: pathlib.Path | None = None, heads: bool = False):
        self.heads = heads
        self.packs, self.mined, self.data, self.kind, self.taught = packs, mined, data, kind, taught
        self.seed, self.count, self.simulated = seed, count, simulated

    def __iter__(self):
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        packs, mined = [Pack(stem) for stem in self.packs], json.loads(self.mined.read_text())
        taught = json.loads(self.taught.read_text()) if self.taught else {}
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
                made = self.one(rng, pack, entry, mined.get(entry["path"], []), plates, taught.get(entry["path"]))
                if made is not None:
                    batch.append(made)
                    if len(batch) == self.count:
                        break
            if len(batch) == self.count:
                yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*batch))

    def one(self, rng, pack: Pack, entry: dict, mined: list, plates, taught: list | None):
        kind = self.kind
        truths = [np.array([x, y, x + w, y + h]) for x, y, w, h, k in entry["boxes"] if k == kind]
        if self.heads:
            truths += [np.array([x, y, x + w, y + h]) for x, y, w, h in entry["heads"]]
        hidden = [np.array([x, y, x + w, y + h]) for x, y, w, h in entry["ignore"]]
        proposed = [(score, np.array(box)) for k, score, *box in mined if k == kind]
        image, truth = pack.level(entry, False), None
        large = [t for t in truths if t[2] - t[0] >= (14 if kind == PLATE else 9)]
        if large and rng.random() < 0.55:
            truth = large[rng.integers(len(large))]
            if self.heads and taught is not None:
                # Which labels are heads without a face, a teacher of faces tells best; they are few.
                odds = np.array([BEHIND if opinion(taught, t) < 0.3 else 1.0 for t in large])
                truth = large[rng.choice(len(large), p=odds / odds.sum())]
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
                if score > sure and taught is None:
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
        said = float(truth is not None)
        if self.heads:
            if truth is None and self.may_be_head(entry, box, truths, proposed, taught):
                return None
        elif taught is not None:
            weight = TEACHER[truth is None] if kind in entry["labelled"] else 1.0
            said = (1 - weight) * said + weight * opinion(taught, box if truth is None else truth)
        if plates is not None and truth is not None and not entry["set"].startswith("simulated") and rng.random() < 0.25:
            image, box, truth = repainted(rng, image, box, truth, plates)
        if kind == FACE and rng.random() < (COVERED if truth is not None else COVERED / 4):
            # Of one who is to tell heads, some helmets show nothing of the face.
            image = covers.covered(rng, image, box if truth is None else truth, truth is not None, 0.35 if self.heads else 0.0)
        image, box, truth = tilted(rng, image, box, truth, kind)
        if truth is not None and rng.random() < 0.08:
            image, box, truth = cropped(rng, image, box, truth)
        crop, (x, y, w, h) = window(image, box, WINDOW[kind])
        edges = np.zeros(4, np.float32)
        if truth is not None:
            edges = ((truth - (x, y, x, y)) / (w, h, w, h)).astype(np.float32)
        if rng.random() < (0.5 if kind == FACE else 0.15):
            crop = np.ascontiguousarray(crop[:, ::-1])
            edges = np.array([1 - edges[2], edges[1], 1 - edges[0], edges[3]], np.float32)
        if rng.random() < 0.6:
            plates_only = kind == PLATE and FACE not in [b[4] for b in entry["boxes"]]
            crop = photo.photograph(rng, crop.copy(), crop.shape[1] / (1 + 2 * WINDOW[kind]["grow"][0]), plates_only)
        gap = truth is None and taught is None and entry["set"] in GAPS
        return crop[None], np.float32(truth is not None), edges, gap, np.float32(said)


    def may_be_head(self, entry: dict, box, truths: list, proposed: list, taught: list | None) -> bool:
        """Whether a box without a label may show a head all the same."""
        score = max((score for score, other in proposed if overlap(other, box) > 0.4), default=0.0)
        if self.kind not in entry["labelled"]:
            return score > MAYBE_HEAD or (taught is not None and opinion(taught, box) > 0.2)
        if entry["set"] not in GAPS:
            return False
        if score <= MAYBE_HEAD or any(overlap(box, truth) > 0.02 for truth in truths):
            return False
        return len(truths) > CROWD or not any(is_below(box, truth) for truth in truths)


def is_below(box: np.ndarray, face: np.ndarray) -> bool:
    """Whether a box lies where the body of a face's owner is."""
    w, h = face[2] - face[0], face[3] - face[1]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return face[0] - w < x < face[2] + w and face[3] + 0.3 * h < y < face[3] + 4 * h


def opinion(taught: list, box: np.ndarray) -> float:
    """How likely the teacher holds it that a box shows a face."""
    score = max((s for *seen, s in taught if overlap(seen, box) >= 0.35), default=0.0)
    score = min(max(score, UNSEEN), 0.99)
    return 1 / (1 + np.exp(-(CURVE[0] * np.log(score / (1 - score)) + CURVE[1])))


def pushed(rng, box: np.ndarray, much: float) -> np.ndarray:
    """The box moved and stretched as a hasty detector might."""
    w, h = box[2] - box[0], box[3] - box[1]
    cx, cy = (box[0] + box[2]) / 2 + rng.normal(0, much) * w, (box[1] + box[3]) / 2 + rng.normal(0, much) * h
    w, h = w * np.exp(rng.normal(0, 1.3 * much)), h * np.exp(rng.normal(0, 1.3 * much))
    return np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


def repainted(rng, image, box, truth, plates: Plates):
    """The plate covered by another design, in a copy of its surroundings."""
    w, h = truth[2] - truth[0], truth[3] - truth[1]
    patch, shift = surroundings(image, truth, (box,), 2, 4)
    patch = patch.copy()
    new = plates.paste(rng, patch, truth - shift)
    # The candidate keeps its error relative to the truth.
    ratio = np.array([(new[2] - new[0]) / w, (new[3] - new[1]) / h])
    moved = np.concatenate([new[:2] + (box[:2] - truth[:2]) * ratio, new[2:] + (box[2:] - truth[2:]) * ratio])
    return patch, moved, new


def surroundings(image: np.ndarray, box: np.ndarray, others, sideways: float, up: float) -> tuple[np.ndarray, np.ndarray]:
    """A part of the picture around boxes, farther by so many of the first one's widths and heights, and where it begins (twice)."""
    w, h = box[2] - box[0], box[3] - box[1]
    low, high = np.min([b[:2] for b in (box, *others)], 0), np.max([b[2:] for b in (box, *others)], 0)
    x0, y0 = max(0, int(low[0] - sideways * w)), max(0, int(low[1] - up * h))
    return image[y0 : int(high[1] + up * h), x0 : int(high[0] + sideways * w)], np.array([x0, y0, x0, y0])


def tilted(rng, image, box, truth, kind: int):
    """Candidate and truth as a camera that is turned or stands aside sees them; the candidate keeps its error relative to the truth."""
    angle, aside = views.angle(rng, kind), kind == PLATE and rng.random() < 0.1
    whole = truth if truth is not None else box
    if not (angle or aside) or (np.array([whole[2] - whole[0], whole[3] - whole[1]]) < 4).any():
        return image, box, truth
    w, h = whole[2] - whole[0], whole[3] - whole[1]
    reach = max(w, h) * 1.6
    patch, shift = surroundings(image, whole, (box,), reach / w, reach / h)
    if min(patch.shape) < 8:
        return image, box, truth
    whole, box = whole - shift, box - shift
    center = (whole[:2] + whole[2:]) / 2
    m = np.eye(3)
    m[:2] = cv2.getRotationMatrix2D(tuple(center), np.rad2deg(-angle), 1.0)
    if aside:
        seen = views.perspective(rng, center, w)
        m = m if views.steep(seen, patch.shape[1], patch.shape[0]) else m @ seen
    pad = int(patch[:: max(1, patch.shape[0] // 8), :: max(1, patch.shape[1] // 8)].mean())
    turned = views.warped(np.ascontiguousarray(patch), m, patch.shape[1], patch.shape[0], 1.0, pad)
    new = views.bounds(m, (*whole[:2], w, h), kind)
    ratio = np.array([(new[2] - new[0]) / w, (new[3] - new[1]) / h])
    moved = np.concatenate([new[:2] + (box[:2] - whole[:2]) * ratio, new[2:] + (box[2:] - whole[2:]) * ratio])
    return turned, moved, new if truth is not None else None


def cropped(rng, image, box, truth):
    """The picture's edges moved near the truth, or by up to a half into it; truth and candidate end there."""
    w, h = truth[2] - truth[0], truth[3] - truth[1]
    near = rng.uniform(0, 0.4, 4) * (w, h, w, h)
    if rng.random() < 0.6:
        side = int(rng.integers(4))
        near[side] = -rng.uniform(0, 0.5) * (w, h, w, h)[side]
    if rng.random() < 0.6:  # not everything that is cut is cut all around
        near[rng.integers(4)] += 2 * max(w, h)
    rows_, columns = image.shape
    x0, y0 = int(np.clip(truth[0] - near[0], 0, columns - 8)), int(np.clip(truth[1] - near[1], 0, rows_ - 8))
    x1, y1 = int(np.clip(truth[2] + near[2], x0 + 8, columns)), int(np.clip(truth[3] + near[3], y0 + 8, rows_))
    shift, low, high = np.array([x0, y0, x0, y0]), np.zeros(4), np.array([x1 - x0, y1 - y0] * 2)
    new, moved = np.clip(truth - shift, low, high), np.clip(box - shift, low, high)
    if min(new[2] - new[0], new[3] - new[1], moved[2] - moved[0], moved[3] - moved[1]) < 4:
        return image, box, truth
    return image[y0:y1, x0:x1], moved, new


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
