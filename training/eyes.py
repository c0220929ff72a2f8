"""The whole chain in plain Python, as FORMAT.md describes it: the reference for `src/vision`, and `inspect`'s JSON lines.

    python eyes.py --models ../models PICTURES… > found.jsonl
"""

import argparse
import collections
import json
import math
import pathlib
import sys

import cv2
import numpy as np

import slnn
from crop import cut, to_crop

# A reading stands unless its probability lies between these; how else the plate is framed then, in shares of its width and height.
HOPELESS, SURE, FRAMINGS = 0.1, 0.75, ((0.04, 0.06), (-0.03, -0.05))
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def reduced(image: np.ndarray, d: int) -> np.ndarray:
    """1/d of the size, each pixel the mean of those it stands for."""
    if d == 1:
        return image
    h, w = image.shape
    ys, xs = np.arange(0, h, d), np.arange(0, w, d)
    total = np.add.reduceat(np.add.reduceat(image.astype(np.uint32), ys, 0), xs, 1)
    counts = np.minimum(h - ys, d)[:, None] * np.minimum(w - xs, d)[None, :]
    return ((total + counts // 2) // counts).astype(np.uint8)


def look(w: int, h: int, grid: dict) -> tuple[int, int, int]:
    """(d, width, height): which reduction, resampled to which size."""
    size = {d: (-(-w // d), -(-h // d)) for d in (1, 2, 4, 8)}
    d = next((d for d in size if max(size[d]) <= grid["most"]), 8)
    long = max(size[d])
    factor = min(grid["least"], 2 * long) / long if long < 0.75 * grid["least"] else 1.0
    return d, *(max(1, int(n * factor + 0.5)) for n in size[d])


def to_grid(image: np.ndarray, how: tuple[int, int, int], grid: dict) -> tuple[np.ndarray, float, float]:
    """The padded grid image, and grid pixels per stored pixel across and down."""
    d, width, height = how
    small = reduced(image, d)
    sx, sy = width / small.shape[1] / d, height / small.shape[0] / d
    if small.shape != (height, width):
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return padded(small, grid), sx, sy


def padded(small: np.ndarray, grid: dict) -> np.ndarray:
    return np.pad(small, [(0, -n % grid["multiple"]) for n in small.shape], constant_values=grid["pad_value"])


def candidates(heads: np.ndarray, meta: dict, least: dict[str, float]) -> list[tuple[str, float, list[float]]]:
    """Head → (kind, score, [l, t, r, b] in grid pixels) of every peak."""
    stride, found = meta["stride"], []
    for k, kind in enumerate(meta["classes"]):
        logit = heads[..., k]
        peak = cv2.dilate(logit, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=-1e9)
        cut_off = math.log(least[kind] / (1 - least[kind]))
        ys, xs = np.nonzero((logit >= cut_off) & (logit >= peak))
        d = np.exp(np.clip(heads[ys, xs, 2:6], meta["raw_min"], meta["raw_max"])) * stride
        cx, cy = (xs + 0.5) * stride, (ys + 0.5) * stride
        boxes = np.stack([cx - d[:, 0], cy - d[:, 1], cx + d[:, 2], cy + d[:, 3]], 1)
        scores = 1 / (1 + np.exp(-logit[ys, xs]))
        best = np.argsort(-scores, kind="stable")
        found += [(kind, float(scores[n]), boxes[n].tolist()) for n in best]
    return found


def suppressed(found: list[tuple[str, float, list[float]]], most: float) -> list[tuple[str, float, list[float]]]:
    """Best first; what overlaps a better one of its kind goes."""
    kept: list[tuple[str, float, list[float]]] = []
    for one in sorted(found, key=lambda f: -f[1]):
        if all(one[0] != k[0] or overlap(one[2], k[2]) <= most for k in kept):
            kept.append(one)
    return kept


def overlap(a, b) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared + 1e-9)


def spell(logits: np.ndarray, meta: dict, width: int = 12) -> list[tuple[str, float]]:
    """[2, columns, symbols] → spellings with their probabilities, best first, by prefix beam search."""
    x = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    x -= x.max(1, keepdims=True)
    p = np.exp(x)
    p /= p.sum(1, keepdims=True)
    blank, beams = meta["blank"], {"": (1.0, 0.0)}
    for row in p:
        symbols = [s for s in np.argsort(-row)[:6] if row[s] > 1e-4 and s != blank]
        after: dict[str, list[float]] = {}
        for prefix, (pb, pn) in beams.items():
            here = after.setdefault(prefix, [0.0, 0.0])
            here[0] += (pb + pn) * row[blank]
            for s in symbols:
                char = meta["alphabet"][s - 1]
                if prefix.endswith(char):
                    here[1] += pn * row[s]
                    after.setdefault(prefix + char, [0.0, 0.0])[1] += pb * row[s]
                else:
                    after.setdefault(prefix + char, [0.0, 0.0])[1] += (pb + pn) * row[s]
        beams = dict(sorted(((k, tuple(v)) for k, v in after.items()), key=lambda kv: -sum(kv[1]))[:width])
    return [(text, pb + pn) for text, (pb, pn) in beams.items()]


def window(image: np.ndarray, box: list[float], meta: dict) -> tuple[np.ndarray, list[float]]:
    """A refiner's crop of a candidate's box [l, t, r, b] and what it shows: x, y, width, height in pixels of the image."""
    l, t, r, b = box
    gx, gy = meta["grow"]
    x, y, w, h = l - gx * (r - l), t - gy * (b - t), (r - l) * (1 + 2 * gx), (b - t) * (1 + 2 * gy)
    rows, columns = image.shape
    px, py = min(max(0, math.floor(x)), columns - 1), min(max(0, math.floor(y)), rows - 1)
    qx, qy = min(columns, math.ceil(x + w)), min(rows, math.ceil(y + h))
    patch = image[py : max(qy, py + 1), px : max(qx, px + 1)]
    return to_crop(patch, px, py, x, y, w, h, meta["size"]), [x, y, w, h]


def together(fuse: list[float], by_size: float, score: float, logit: float, box: list[float]) -> float:
    """One probability from the detector's, the refiner's and the refined box's size."""
    return 1 / (1 + math.exp(-(fuse[0] * math.log(score / (1 - score)) + fuse[1] * logit + fuse[2] + by_size * size(box))))


def size(box: list[float]) -> float:
    """The logarithm of the shorter side in pixels."""
    return math.log(max(1.0, min(box[2] - box[0], box[3] - box[1])))


class Eyes:
    """Detector, refiners and reader together."""

    def __init__(self, models: pathlib.Path):
        self.detector = slnn.Model(models / "detector.slnn")
        self.refiners = {kind: slnn.Model(models / f"refine-{kind}.slnn") for kind in self.detector.meta["classes"]}
        self.reader = slnn.Model(models / "reader.slnn")
        self.heads = slnn.Model(models / "refine-head.slnn")

    def looks(self, image: np.ndarray, effort: str):
        """(grid image, grid pixels per stored pixel across and down, the shorter side from which candidates count) of each look."""
        meta, (h, w) = self.detector.meta, image.shape
        d, columns, rows = how = look(w, h, meta["grid"])
        small, sx, sy = to_grid(image, how, meta["grid"])
        every = dict.fromkeys(meta["classes"], 0.0)
        yield small, sx, sy, every
        if coarse := meta.get("coarse"):
            for factor in coarse["factors"][: 1 if effort == "fast" else None]:
                yield padded(reduced(small[:rows, :columns], factor), meta["grid"]), sx / factor, sy / factor, coarse["least"]
        if effort == "thorough":
            yield *to_grid(image, (max(d // 2, 1), columns + (columns + 1) // 2, rows + (rows + 1) // 2), meta["grid"]), every

    def proposals(self, image: np.ndarray, least: dict[str, float], effort: str = "normal") -> list[tuple[str, float, list[float]]]:
        """(kind, score, [l, t, r, b] in stored pixels) of all that might be one, best first. Turned views are not taken."""
        meta, found = self.detector.meta, []
        h, w = image.shape
        for grid, sx, sy, smallest in self.looks(image, effort):
            for kind, score, (l, t, r, b) in candidates(self.detector.run(grid[None])[0], meta, least):
                box = [max(l / sx, 0), max(t / sy, 0), min(r / sx, w), min(b / sy, h)]
                if min(r - l, b - t) >= smallest[kind] and box[2] - box[0] >= 2 and box[3] - box[1] >= 2:
                    found.append((kind, score, box))
        return suppressed(found, meta["nms_iou"])

    def refined(self, image: np.ndarray, kind: str, boxes: list[list[float]], mirrored: bool = False) -> list[tuple[float, list[float]]]:
        """The refiner's logit and box of each candidate of one kind, or of what may be a head; `mirrored`: the mean of what it says of the
        window and of its mirror image."""
        if not boxes:
            return []
        net, (h, w) = self.heads if kind == "head" else self.refiners[kind], image.shape
        windows = [window(image, box, net.meta) for box in boxes]
        crops = np.stack([c for c, _ in windows])
        opinions = net.run(crops).reshape(-1, 5)
        if mirrored:
            logit, l, t, r, b = net.run(crops[:, :, ::-1]).reshape(-1, 5).T
            opinions = (opinions + np.stack([logit, 1 - r, t, 1 - l, b], 1)) / 2
        out = []
        for box, (_, (x, y, across, down)), told in zip(boxes, windows, opinions):
            logit, l, t, r, b = told.tolist()
            new = [max(x + l * across, 0), max(y + t * down, 0), min(x + r * across, w), min(y + b * down, h)]
            out.append((logit, new if new[2] - new[0] >= 1 and new[3] - new[1] >= 1 else box))
        return out

    def judged(self, image: np.ndarray, kind: str, mine: list[tuple[str, float, list[float]]]) -> list[tuple[float, list[float]]]:
        """The probability and the box of each candidate of one kind, once its refiner was heard."""
        meta = self.refiners[kind].meta
        out = [(together(meta["fuse"], meta.get("by_size", 0.0), score, logit, box), box)
               for (_, score, _), (logit, box) in zip(mine, self.refined(image, kind, [p[2] for p in mine]))]
        if doubt := meta.get("doubt"):
            which = [n for n, (p, _) in enumerate(out) if doubt["from"] <= p < doubt["until"]]
            for n, (logit, box) in zip(which, self.refined(image, kind, [out[n][1] for n in which], mirrored=True)):
                out[n] = (together(doubt["fuse"], doubt.get("by_size", 0.0), mine[n][1], logit, box), box)
        return out

    def detect(self, image: np.ndarray, propose: dict[str, float] | None = None, least: dict[str, float] | None = None):
        """(kind, score, [x, y, w, h] in stored pixels), best first."""
        meta, found = self.detector.meta, []
        proposals = self.proposals(image, propose or meta["propose"])
        least = least or meta["threshold"]["normal"]
        for kind in meta["classes"]:
            mine = [p for p in proposals if p[0] == kind]
            found += [(kind, score, box) for score, box in self.judged(image, kind, mine) if score >= least[kind]]
        return [(kind, score, [l, t, r - l, b - t]) for kind, score, (l, t, r, b) in suppressed(found, meta["refined_iou"])]

    def read(self, image: np.ndarray, box: list[float]) -> list[tuple[str, float]]:
        """Spellings, best first; an unsure plate is framed in two more ways, and the three share their opinions."""
        first = spell(self.reader.run(cut(image, box)[None])[0], self.reader.meta)
        if not HOPELESS <= first[0][1] < SURE:
            return first
        x, y, w, h = box
        others = [cut(image, [x - a * w, y - b * h, w * (1 + 2 * a), h * (1 + 2 * b)]) for a, b in FRAMINGS]
        together = collections.Counter(dict(first))
        for logits in self.reader.run(np.stack(others)):
            together.update(dict(spell(logits, self.reader.meta)))
        return [(text, p / 3) for text, p in together.most_common()]

    def blanked(self, image: np.ndarray, kind: str, box: list[float]) -> list[int]:
        """The found box with its margins, [x, y, w, h]."""
        (h, w), (l, t, r, b), (x, y, bw, bh) = image.shape, self.detector.meta["margin"][kind], box
        x0, y0 = max(0, math.floor(x - l * bw - 1)), max(0, math.floor(y - t * bh - 1))
        x1, y1 = min(w, math.ceil(x + bw * (1 + r) + 1)), min(h, math.ceil(y + bh * (1 + b) + 1))
        return [x0, y0, x1 - x0, y1 - y0]

    def inspect(self, image: np.ndarray) -> dict:
        meta, regions, redacted = self.detector.meta, [], []
        h, w = image.shape
        for kind, score, box in self.detect(image):
            region = {"kind": kind, "box": [round(v, 2) for v in box], "score": round(score, 4)}
            if kind == "plate" and score >= meta["threshold"]["read"] and box[2] >= self.reader.meta.get("min_width", 0):
                text, probability = self.read(image, box)[0]
                if text and probability >= self.reader.meta["min_probability"]:
                    region |= {"text": text, "text_score": round(probability, 4)}
            regions.append(region)
            redacted.append(self.blanked(image, kind, box))
        return {"width": w, "height": h, "regions": regions, "redacted": redacted}


def pictures(paths: list[pathlib.Path]):
    for path in paths:
        if path.is_dir():
            yield from pictures(sorted(path.iterdir()))
        elif path.suffix.lower() in SUFFIXES:
            yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=pathlib.Path, nargs="+")
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "models")
    args = parser.parse_args()
    seer = Eyes(args.models)
    for path in pictures(args.paths):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            print(f"{path}: not a picture", file=sys.stderr)
            continue
        print(json.dumps({"path": str(path), **seer.inspect(image)}))


if __name__ == "__main__":
    main()
