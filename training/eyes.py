"""The whole chain in plain Python, as FORMAT.md describes it: the reference for `src/vision`, and `inspect`'s JSON lines.

    python eyes.py --models ../models PICTURES… > found.jsonl
"""

import argparse
import json
import math
import pathlib
import sys

import cv2
import numpy as np

import slnn
from plates import cut

# A finer look has at most this many times the long side of the usual one.
FINE = 2.5
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


def looks(w: int, h: int, grid: dict) -> list[tuple[int, int, int]]:
    """(d, width, height): which reduction, resampled to which size; a large picture gets a second, finer look."""
    longest, side = max(w, h), grid["long_side"]
    size = {d: (-(-w // d), -(-h // d)) for d in (1, 2, 4, 8)}
    d = next((d for d in size if 0.75 * side <= max(size[d]) <= side), None)
    if d is not None:
        chosen = [(d, *size[d])]
    else:
        d = max((d for d in size if max(size[d]) >= side), default=1)
        factor = min(side, 2 * longest) / max(size[d])
        chosen = [(d, *(max(1, int(n * factor + 0.5)) for n in size[d]))]
    if longest > 2 * grid["tile_above"]:
        d = next((d for d in size if max(size[d]) <= FINE * side), 8)
        if max(size[d]) > max(chosen[0][1:]):
            chosen.append((d, *size[d]))
    return chosen


def to_grid(image: np.ndarray, look: tuple[int, int, int], grid: dict) -> tuple[np.ndarray, float, float]:
    """The padded grid image, and grid pixels per stored pixel across and down."""
    d, width, height = look
    small = reduced(image, d)
    sx, sy = width / small.shape[1] / d, height / small.shape[0] / d
    if small.shape != (height, width):
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    m = grid["multiple"]
    return np.pad(small, [(0, -n % m) for n in small.shape], constant_values=grid["pad_value"]), sx, sy


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
        best = np.argsort(-scores, kind="stable")[: meta["max_candidates"]]
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


class Eyes:
    """Detector and reader together."""

    def __init__(self, models: pathlib.Path):
        self.detector = slnn.Model(models / "detector.slnn")
        reader = models / "reader.slnn"
        self.reader = slnn.Model(reader) if reader.exists() else None

    def detect(self, image: np.ndarray, least: dict[str, float] | None = None):
        """(kind, score, [x, y, w, h] in stored pixels), best first."""
        meta, found = self.detector.meta, []
        h, w = image.shape
        for look in looks(w, h, meta["grid"]):
            small, sx, sy = to_grid(image, look, meta["grid"])
            for kind, score, (l, t, r, b) in candidates(self.detector.run(small[None])[0], meta, least or meta["threshold"]["redact"]):
                box = [max(l / sx, 0), max(t / sy, 0), min(r / sx, w), min(b / sy, h)]
                if box[2] > box[0] and box[3] > box[1]:
                    found.append((kind, score, box))
        return [(kind, score, [l, t, r - l, b - t]) for kind, score, (l, t, r, b) in suppressed(found, meta["nms_iou"])]

    def read(self, image: np.ndarray, box: list[float]) -> list[tuple[str, float]]:
        return spell(self.reader.run(cut(image, box)[None])[0], self.reader.meta)

    def inspect(self, image: np.ndarray) -> dict:
        meta, regions, redacted = self.detector.meta, [], []
        h, w = image.shape
        for kind, score, box in self.detect(image):
            region = {"kind": kind, "box": [round(v, 2) for v in box], "score": round(score, 4)}
            if kind == "plate" and self.reader and score >= meta["threshold"]["read"]:
                text, probability = self.read(image, box)[0]
                if text and probability >= self.reader.meta["min_probability"]:
                    region |= {"text": text, "text_score": round(probability, 4)}
            regions.append(region)
            l, t, r, b = meta["margin"][kind]
            x, y, bw, bh = box
            pixel = max(h, w) / meta["grid"]["long_side"]
            x0, y0 = max(0, math.floor(x - l * bw - pixel)), max(0, math.floor(y - t * bh - pixel))
            x1, y1 = min(w, math.ceil(x + bw * (1 + r) + pixel)), min(h, math.ceil(y + bh * (1 + b) + pixel))
            redacted.append([x0, y0, x1 - x0, y1 - y0])
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
