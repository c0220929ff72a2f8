"""What the chain leaks of held-out training pictures when bars, fog, tilts and the like befall them: one row for each.

    python distorted.py --packs …/real …/simulated-scenes --models BEFORE AFTER

The same pictures and the same accidents for all models. Leaked: less than half of a box lies under what would be blanked.
"""

import argparse
import pathlib
import zlib

import numpy as np
import torch

import covers
import obstacles
import photo
import views
from eyes import Eyes
from pack import FACE, KINDS, PLATE, Pack

# Smaller boxes (width in pixels) are not asked for.
LEAST = {PLATE: 24, FACE: 14}


def upright(rng, image, boxes, kinds, size):
    return image, boxes


def quarter(rng, image, boxes, kinds, size):
    """On its side."""
    return by(image, boxes, kinds, np.deg2rad(90 if rng.random() < 0.5 else 270))


def tilt(rng, image, boxes, kinds, size):
    """By 25 to 40 degrees, a picture with faces by up to 35."""
    most = 35 if FACE in kinds else 40
    return by(image, boxes, kinds, np.deg2rad(rng.uniform(25, most)) * (1 if rng.random() < 0.5 else -1))


def by(image, boxes, kinds, angle):
    h, w = image.shape
    m = np.eye(3)
    m[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    corners = views.moved(m, np.array([[0, 0], [w, 0], [w, h], [0, h]]))
    m[:2, 2] = -corners.min(0)
    across, down = np.ceil(corners.max(0) - corners.min(0) - 1e-6).astype(int)
    return views.warped(image, m, int(across), int(down), 1.0, 114), [corner(views.bounds(m, b, k)) for b, k in zip(boxes, kinds)]


def corner(edges):
    return [edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]]


def filling(rng, image, boxes, kinds, size):
    """Only the surroundings of one object, which takes 45 to 100 % of the width."""
    x, y, w, h = boxes[int(rng.integers(len(boxes)))]
    across = w / rng.uniform(0.45, 1.0)
    down = max(across * rng.uniform(0.5, 0.8), 1.2 * h)
    x0, y0 = x + w / 2 - across / 2 + rng.uniform(-0.5, 0.5) * (across - w), y + h / 2 - down * rng.uniform(0.4, 0.6)
    return cropped(image, boxes, x0, y0, x0 + across, y0 + down)


def halved(rng, image, boxes, kinds, size):
    """An edge of the picture leaves 50 to 70 % of one object."""
    rows, columns = image.shape
    x, y, w, h = boxes[int(rng.integers(len(boxes)))]
    seen, edges = rng.uniform(0.5, 0.7), [0, 0, columns, rows]
    side = int(rng.integers(4))
    edges[side] = (x + w * (1 - seen), y + h * (1 - seen), x + w * seen, y + h * seen)[side]
    return cropped(image, boxes, *edges)


def cropped(image, boxes, x0, y0, x1, y1):
    rows, columns = image.shape
    x0, y0, x1, y1 = max(0, round(x0)), max(0, round(y0)), min(columns, round(x1)), min(rows, round(y1))
    kept = []
    for x, y, w, h in boxes:
        l, t, r, b = max(x, x0), max(y, y0), min(x + w, x1), min(y + h, y1)
        whole = r > l and b > t and (r - l) * (b - t) >= 0.45 * w * h
        kept.append([l - x0, t - y0, r - l, b - t] if whole else [0, 0, 0, 0])
    return np.ascontiguousarray(image[y0:y1, x0:x1]), kept


def worn(rng, image, boxes, kinds, size):
    """Helmets, scarves, hats, glasses, hands and telephones before every face."""
    for (x, y, w, h), kind in zip(boxes, kinds):
        if kind == FACE:
            image = covers.covered(rng, image, np.array([x, y, x + w, y + h]))
    return image, boxes


def only(change):
    """A row in which the picture changes and its boxes stay."""
    return lambda rng, image, boxes, kinds, size: (change(rng, image, size), boxes)


ROWS = {"clean": upright} | {f.__name__: only(f) for f in obstacles.SHARES} | {
    "dark": only(lambda rng, image, size: photo.noise(rng, (image * rng.uniform(0.08, 0.25)).astype(np.uint8), 8)),
    "noise": only(lambda rng, image, size: photo.noise(rng, image, 40)),
    "jpeg": only(lambda rng, image, size: photo.jpeg(rng, image, 6, 16)),
    "quarter": quarter, "tilt": tilt, "worn": worn, "filling": filling, "halved": halved,
}


def covered(box, areas) -> float:
    """The share of the box under the union of areas, by counting pixels."""
    x, y, w, h = (round(v) for v in box)
    seen = np.zeros((max(h, 1), max(w, 1)), bool)
    for l, t, across, down in areas:
        seen[max(0, t - y) : max(0, t + down - y), max(0, l - x) : max(0, l + across - x)] = True
    return float(seen.mean())


def touched(box, areas) -> bool:
    x, y, w, h = box
    return any(min(x + w, l + across) > max(x, l) and min(y + h, t + down) > max(y, t) for l, t, across, down in areas)


def held(stems, most: int):
    """(pack, entry) of so many held-out pictures of each set, with something in them."""
    counts: dict[str, int] = {}
    for pack in map(Pack, stems):
        for entry in pack.entries:
            if entry["held"] and entry["boxes"] and counts.get(entry["set"], 0) < most:
                counts[entry["set"]] = counts.get(entry["set"], 0) + 1
                yield pack, entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--models", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--most", type=int, default=30, help="pictures of each set")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=ROWS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    seers = [Eyes(folder) for folder in args.models]
    print("leaked plates and faces, and regions a picture that touch nothing labelled, for each folder of models", flush=True)
    for name in args.rows:
        tallies = np.zeros((len(seers), 6), int)
        for pack, entry in held(args.packs, args.most):
            kinds = [b[4] for b in entry["boxes"]]
            if name == "negative" and FACE in kinds:
                continue
            rng = np.random.default_rng(zlib.crc32(f"{name} {entry['path']}".encode()))
            boxes = [b[:4] for b in entry["boxes"]]
            image, boxes = ROWS[name](rng, pack.level(entry, False), boxes, kinds, float(np.median([b[2] for b in boxes])))
            for tally, eyes in zip(tallies, seers):
                told = look(eyes, image)
                for kind in entry["labelled"]:
                    truth = [b for b, k in zip(boxes, kinds) if k == kind and b[2] > 0]
                    asked = [b for b in truth if max(b[2], b[3]) >= LEAST[kind]]
                    areas = [area for k, _, area in told if k == kind]
                    everything = [area for _, _, area in told]
                    tally[2 * kind] += sum(covered(b, everything) < 0.5 for b in asked)
                    tally[2 * kind + 1] += len(asked)
                    tally[4] += sum(not touched(a, truth) for a in areas)
                tally[5] += 1
        cells = [f"plates {100 * a / max(b, 1):5.1f} % of {b:4}  faces {100 * c / max(d, 1):5.1f} % of {d:4}  false {f / max(n, 1):4.2f}" for a, b, c, d, f, n in tallies]
        print(f"{name:10} " + " | ".join(cells), flush=True)


def look(eyes: Eyes, image: np.ndarray):
    """(kind, score, what would be blanked) of everything found; nothing is read."""
    return [(KINDS[kind], score, eyes.blanked(image, kind, box)) for kind, score, box in eyes.detect(image)]


if __name__ == "__main__":
    main()
