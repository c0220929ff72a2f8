"""Endless batches of augmented crops for the detector, with their targets.

Each batch is made whole in a worker process: grey crops (uint8) and, at the head's stride, what each cell should say.
"""

import pathlib

import cv2
import numpy as np
import torch

import covers
import views
from eyes import look
from pack import FACE, PLATE, Pack, grey, held_out, rows
from photo import photograph
from plates import Draughtsman

STRIDE = 4
# The detector's grid: the long side's most, and what small pictures are enlarged to.
GRID = {"most": 1024, "least": 640, "multiple": 32, "pad_value": 114}
# Smaller objects than these (width, height in grid pixels) are neither asked for nor punished.
SMALLEST = {PLATE: (7.0, 3.0), FACE: (4.5, 4.5)}
# How often each set is drawn, before simulated pictures take their share.
WEIGHTS = {
    "plates-train/world": 0.34,
    "plates-train/tn": 0.06,
    "plates-train/ro": 0.10,
    "faces-train/groups": 0.26,
    "faces-train/street": 0.18,
    "negatives": 0.06,
}
# Sets in which plates far away or cut by an edge, or faces in the second row, often lack a label.
GAPS = {"plates-train/world", "plates-train/ro", "faces-train/groups", "faces-train/street"}
# In so many crops most faces wear or hold something that is drawn before them.
COVERED = 0.12
# Rows, columns, pictures and share of a batch's possible shapes. The larger one lets plates and faces that fill a picture appear.
SHAPES = [(320, 320, 32, 0.7), (384, 512, 16, 0.3)]


def grid_scale(w: int, h: int) -> float:
    """Scale from stored picture to grid, by FORMAT.md's rule."""
    d, width, height = look(w, h, GRID)
    return max(width, height) / max(w, h)


class Plates:
    """Plate crops to paste over other plates: real ones bring designs (2:1 above all) onto vehicles that lack them, drawn ones two lines."""

    def __init__(self, data: pathlib.Path):
        self.crops = []
        for name, share in (("us", 1.0), ("ar", 1.0), ("cn", 0.15), ("tn", 0.15)):
            folder = data / "plate-text-train" / name
            for n, row in enumerate(rows(folder)):
                if n % round(1 / share) == 0 and not held_out(f"{name}/{row['path']}"):
                    self.crops.append(grey(folder / row["path"]))
        rng, draughtsman = np.random.default_rng(5), Draughtsman(5, 60, [])
        self.crops += [draughtsman.draw(rng, stacked=1.0)[0] for _ in range(400)]

    def paste(self, rng: np.random.Generator, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Covers the plate in `box` (l, t, r, b) with another one; returns its new box."""
        plate = self.crops[rng.integers(len(self.crops))]
        l, t, r, b = box
        ratio = plate.shape[1] / plate.shape[0] * rng.uniform(0.85, 1.15)
        w = max(r - l, (b - t) * ratio) * rng.uniform(1.0, 1.1)
        h = w / ratio
        if h < b - t:
            h = b - t
        cx, cy = (l + r) / 2, (t + b) / 2
        # Bring the plate near its final size before warping, so that it does not alias.
        if plate.shape[1] > 2 * w:
            plate = cv2.resize(plate, (max(4, int(w * 1.3)), max(3, int(h * 1.3))), interpolation=cv2.INTER_AREA)
        ph, pw = plate.shape
        tilt = rng.normal(0, 0.04)
        jitter = rng.normal(0, 0.03, (4, 2)) * (w, h)
        corners = np.array([[-w / 2, -h / 2], [w / 2, -h / 2], [w / 2, h / 2], [-w / 2, h / 2]]) + jitter
        corners = corners @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) + (cx, cy)
        x0, y0 = np.floor(corners.min(0)).astype(int) - 1
        x1, y1 = np.ceil(corners.max(0)).astype(int) + 2
        rows_, cols = image.shape
        if x0 < 0 or y0 < 0 or x1 > cols or y1 > rows_:
            return box
        frame = np.array([[0, 0], [pw, 0], [pw, ph], [0, ph]], np.float32)
        m = cv2.getPerspectiveTransform(frame, (corners - (x0, y0)).astype(np.float32))
        size = (int(x1 - x0), int(y1 - y0))
        area = image[y0:y1, x0:x1]
        gain = np.clip(area.mean() / max(plate.mean(), 8.0) * rng.uniform(0.8, 1.5), 0.15, 1.6)
        lit = np.clip(plate * gain + rng.uniform(-8, 8), 0, 255).astype(np.uint8)
        warped = cv2.warpPerspective(lit, m, size, flags=cv2.INTER_LINEAR)
        mask = cv2.warpPerspective(np.full_like(plate, 255), m, size, flags=cv2.INTER_LINEAR).astype(np.uint16)
        area[:] = ((warped.astype(np.uint16) * mask + area * (255 - mask)) // 255).astype(np.uint8)
        return np.concatenate([corners.min(0), corners.max(0)])


class Scenes(torch.utils.data.IterableDataset):
    """Batches without end; each worker has its own stream, fixed by (seed, worker)."""

    def __init__(self, packs: list[pathlib.Path], data: pathlib.Path, seed: int, simulated_share: float = 0.4):
        self.stems, self.data, self.seed, self.simulated_share = packs, data, seed, simulated_share

    def __iter__(self):
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        packs = [Pack(stem) for stem in self.stems]
        plates = Plates(self.data)
        groups: dict[str, list] = {}
        for pack in packs:
            for entry in pack.entries:
                if not entry["held"]:
                    groups.setdefault(entry["set"], []).append((pack, entry))
        real = {s: WEIGHTS[s] for s in groups if s in WEIGHTS}
        made = {s: float(len(groups[s])) for s in groups if s not in WEIGHTS}
        share = self.simulated_share if made else 0.0
        odds = [(s, w / sum(real.values()) * (1 - share)) for s, w in real.items()]
        odds += [(s, w / sum(made.values()) * share) for s, w in made.items()]
        names, odds = [s for s, _ in odds], np.array([w for _, w in odds])
        shape_odds = np.array([s[3] for s in SHAPES])
        while True:
            h, w, count, _ = SHAPES[rng.choice(len(SHAPES), p=shape_odds)]
            yield batch(rng, [groups[names[k]] for k in rng.choice(len(names), count, p=odds)], h, w, plates)


def batch(rng, groups, h, w, plates):
    images = np.empty((len(groups), 1, h, w), np.uint8)
    targets = Targets(len(groups), h // STRIDE, w // STRIDE)
    for n, group in enumerate(groups):
        pack, entry = group[rng.integers(len(group))]
        image, boxes, kinds, hidden = crop(rng, pack, entry, h, w, plates)
        images[n, 0] = image
        targets.fill(n, boxes, kinds, hidden, entry["labelled"], entry["set"] in GAPS)
    return torch.from_numpy(images), *targets.tensors()


def crop(rng, pack: Pack, entry: dict, h: int, w: int, plates: Plates):
    """One augmented crop of `h` × `w`, its boxes (l, t, r, b), kinds, and the areas to be ignored."""
    boxes = np.array([b[:4] for b in entry["boxes"]], np.float64).reshape(-1, 4)
    kinds = np.array([b[4] for b in entry["boxes"]], int)
    natural = grid_scale(entry["w"], entry["h"])
    chosen = int(rng.integers(len(boxes))) if len(boxes) and rng.random() < 0.8 else None
    fills = False
    if chosen is not None and rng.random() < 0.5:
        # Let every size be seen, from the smallest that is asked for to one that fills the crop.
        low, high = (9.0, w * 0.9) if kinds[chosen] == PLATE else (6.0, w * 0.7)
        want = np.exp(rng.uniform(np.log(low), np.log(high)))
        fills = boxes[chosen][2] >= 40 and rng.random() < 0.12
        if fills:
            want = w * rng.uniform(0.45, 1.0)
        scale = want / max(boxes[chosen][2], 1.0)
        scale = float(np.clip(scale, natural * 0.33, natural * (8.0 if fills else 3.0)))
    else:
        scale = natural * np.exp(rng.uniform(np.log(0.55), np.log(1.7)))
    scale = float(np.clip(scale, 0.1, 6.0 if fills else 2.6))

    level, zoom = pack.level(entry, half=scale <= 0.55), (2.0 if scale <= 0.55 else 1.0)
    if scale < 0.28:
        level, zoom = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 4.0
    angle = views.angle(rng, FACE if FACE in kinds else PLATE)
    mirror = rng.random() < (0.5 if FACE in entry["labelled"] and PLATE not in entry["labelled"] else 0.2)
    stretch = np.exp(rng.normal(0, 0.06))
    m = np.eye(3)
    m[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([stretch, 1 / stretch])
    if mirror:
        m = m @ np.diag([-1.0, 1.0, 1.0])
    # Put the chosen object, or any point, somewhere in the crop.
    if chosen is not None:
        x, y, bw, bh = boxes[chosen]
        anchor = np.array([x + bw / 2, y + bh / 2])
        half = np.array([bw, bh]) * scale / 2
        if PLATE in kinds and rng.random() < 0.08:
            seen = views.perspective(rng, anchor, bw) if bw * scale > 12 else np.eye(3)
            m = m if views.steep(seen, entry["w"], entry["h"]) else m @ seen
        place = rng.uniform(*np.sort([np.minimum(half, np.array([w, h]) * 0.4), np.array([w, h]) - np.minimum(half, np.array([w, h]) * 0.4)], 0))
        if rng.random() < 0.06:  # an edge of the crop leaves half of it or more
            side, inside = int(rng.integers(2)), half * (2 * rng.uniform(0.5, 1.0) - 1)
            place[side] = inside[side] if rng.random() < 0.5 else (w, h)[side] - inside[side]
    else:
        anchor = rng.uniform(0.1, 0.9, 2) * (entry["w"], entry["h"])
        place = rng.uniform(0.3, 0.7, 2) * (w, h)
    shift = place - views.moved(m, anchor[None])[0]
    if rng.random() < 0.85:
        # Waste no crop on padding: slide until the picture fills it, or lies inside when it is the smaller one.
        corners = views.moved(m, np.array([[0, 0], [entry["w"], 0], [0, entry["h"]], [entry["w"], entry["h"]]]))
        low, high = corners.min(0) + shift, corners.max(0) + shift
        room = np.array([w, h])
        over = np.where(high - low >= room, np.maximum(low, 0) + np.minimum(high - room, 0),
                        np.minimum(low, 0) + np.maximum(high - room, 0))
        shift = shift - over
    m = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ m
    image = views.warped(level, m, w, h, zoom, 114 if rng.random() < 0.6 else int(rng.integers(0, 255)))
    turned = [views.bounds(m, box, kind) for box, kind in zip(boxes, kinds)]
    hidden = [tuple(views.bounds(m, box, PLATE)) for box in entry["ignore"] + entry["heads"]]

    keep_boxes, keep_kinds = [], []
    worn = 0.7 if rng.random() < COVERED else 0.0
    for box, kind in zip(turned, kinds):
        seen = np.array([max(box[0], 0), max(box[1], 0), min(box[2], w), min(box[3], h)])
        size, all_ = seen[2:] - seen[:2], box[2:] - box[:2]
        if (size <= 0).any():
            continue
        if size.prod() < 0.45 * all_.prod() or size[0] < SMALLEST[kind][0] or size[1] < SMALLEST[kind][1]:
            hidden.append(tuple(box))
            continue
        if kind == PLATE and not entry["set"].startswith("simulated") and all_[0] > 16 and rng.random() < (0.5 if fills else 0.25) and abs(angle) < 0.1:
            box = plates.paste(rng, image, box)
            seen = np.array([max(box[0], 0), max(box[1], 0), min(box[2], w), min(box[3], h)])
        if kind == FACE and size[0] > 10 and rng.random() < worn:
            image = covers.covered(rng, image, box)
        keep_boxes.append(seen)
        keep_kinds.append(kind)
    size = float(np.median([b[2] - b[0] for b in keep_boxes])) if keep_boxes else float(np.exp(rng.uniform(np.log(12), np.log(120))))
    image = photograph(rng, image, size, plates_only=FACE not in kinds and PLATE in entry["labelled"])
    return image, np.array(keep_boxes).reshape(-1, 4), keep_kinds, hidden


class Targets:
    """What the head should say: class heat, box edges, and how much each cell counts."""

    def __init__(self, count: int, rows: int, columns: int):
        self.heat = np.zeros((count, 2, rows, columns), np.float32)
        self.care = np.ones((count, 2, rows, columns), np.float32)
        self.edges = np.zeros((count, 4, rows, columns), np.float32)
        self.weight = np.zeros((count, rows, columns), np.float32)
        # 0 labelled, 1 class not labelled in this set, 2 labelled but known to have gaps
        self.trust = np.zeros((count, 2), np.int64)
        self.ys = np.arange(rows, dtype=np.float32)[:, None]
        self.xs = np.arange(columns, dtype=np.float32)[None, :]

    def fill(self, n, boxes, kinds, hidden, labelled, gaps):
        for kind in (PLATE, FACE):
            if kind not in labelled:
                self.trust[n, kind] = 1
            elif gaps:
                self.trust[n, kind] = 2
        for l, t, r, b in hidden:
            y0, y1 = max(0, int(t // STRIDE)), max(0, int(-(-b // STRIDE)))
            x0, x1 = max(0, int(l // STRIDE)), max(0, int(-(-r // STRIDE)))
            self.care[n, :, y0:y1, x0:x1] = 0
        # Large first, so that a small object in front keeps its cells.
        for k in sorted(range(len(boxes)), key=lambda k: -np.prod(boxes[k][2:] - boxes[k][:2])):
            l, t, r, b = boxes[k] / STRIDE
            cx, cy = (l + r) / 2 - 0.5, (t + b) / 2 - 0.5
            rows, columns = self.weight.shape[1:]
            ix, iy = int(np.clip(np.floor(cx + 0.5), 0, columns - 1)), int(np.clip(np.floor(cy + 0.5), 0, rows - 1))
            sx, sy = (0.54 * (r - l) + 1) / 6, (0.54 * (b - t) + 1) / 6
            rx, ry = int(3 * sx) + 1, int(3 * sy) + 1
            y0, y1, x0, x1 = max(0, iy - ry), min(rows, iy + ry + 1), max(0, ix - rx), min(columns, ix + rx + 1)
            gauss = np.exp(-((self.xs[:, x0:x1] - ix) ** 2) / (2 * sx * sx) - (self.ys[y0:y1] - iy) ** 2 / (2 * sy * sy))
            heat = self.heat[n, kinds[k], y0:y1, x0:x1]
            np.maximum(heat, gauss, out=heat)
            self.care[n, kinds[k], iy, ix] = 1
            near = gauss > 0.15
            share = np.where(near, gauss, 0)
            self.weight[n, y0:y1, x0:x1][near] = (share / share.sum())[near]
            for e, value in enumerate((l, t, r, b)):
                self.edges[n, e, y0:y1, x0:x1][near] = value

    def tensors(self):
        return tuple(torch.from_numpy(x) for x in (self.heat, self.care, self.edges, self.weight, self.trust))
