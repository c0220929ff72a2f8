"""Decodes the training pictures once into flat grey memory maps, so that loading costs nothing while training.

A pack is `NAME.bin` (grey pixels of all pictures, each with its half-size copy behind it) and `NAME.json` (one entry a
picture: offset, size, boxes, heads without a face where the truth tells them, which classes are labelled). Pictures are held out by a hash of their name, never by order.
"""

import argparse
import hashlib
import json
import pathlib

import cv2
import numpy as np

PLATE, FACE = 0, 1
KINDS = {"plate": PLATE, "face": FACE}

# Folder → which classes its truth labels. Where a class is not labelled, its loss is masked.
SETS = {
    "plates-train/world": [PLATE],
    "plates-train/tn": [PLATE],
    "plates-train/ro": [PLATE],
    "faces-train/groups": [FACE],
    "faces-train/street": [FACE],
    "negatives": [PLATE, FACE],
}


def held_out(name: str) -> bool:
    """One picture in twelve is kept from training, for choosing thresholds and margins."""
    return hashlib.blake2b(name.encode(), digest_size=4).digest()[0] % 12 == 0


def rows(folder: pathlib.Path):
    for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def grey(path: pathlib.Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise SystemExit(f"{path} is not a picture")
    return image


class Pack:
    """A pack opened for reading."""

    def __init__(self, stem: pathlib.Path):
        self.entries = json.loads(stem.with_suffix(".json").read_text())
        self.pixels = np.memmap(stem.with_suffix(".bin"), np.uint8, "r")

    def level(self, entry: dict, half: bool) -> np.ndarray:
        """The picture, or its half-size copy."""
        w, h, at = entry["w"], entry["h"], entry["at"]
        if half:
            at += w * h
            w, h = (w + 1) // 2, (h + 1) // 2
        return self.pixels[at : at + w * h].reshape(h, w)


def halve(image: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels, sizes rounded up, as the product's `reduced(2)` gives."""
    h, w = image.shape
    if h % 2 or w % 2:
        image = np.pad(image, ((0, h % 2), (0, w % 2)), mode="edge")
    four = image.astype(np.uint16)
    return ((four[::2, ::2] + four[1::2, ::2] + four[::2, 1::2] + four[1::2, 1::2] + 2) >> 2).astype(np.uint8)


def write(stem: pathlib.Path, sources: list[tuple[pathlib.Path, str, list[int]]]) -> None:
    """Packs the folders of `sources`: (folder, name of the set, labelled classes)."""
    entries, at = [], 0
    with stem.with_suffix(".bin").open("wb") as out:
        for folder, name, labelled in sources:
            for row in rows(folder):
                image = grey(folder / row["path"])
                h, w = image.shape
                boxes = [[*r["box"], KINDS[r["kind"]]] for r in row["regions"] if r["kind"] in KINDS]
                heads = [r["box"] for r in row["regions"] if r["kind"] == "head"]
                entries.append(
                    {"set": name, "path": f"{name}/{row['path']}", "at": at, "w": w, "h": h, "boxes": boxes, "heads": heads,
                     "ignore": row.get("ignore", []), "labelled": labelled, "held": held_out(f"{name}/{row['path']}")}
                )
                for level in (image, halve(image)):
                    out.write(level.tobytes())
                    at += level.size
    stem.with_suffix(".json").write_text(json.dumps(entries))
    print(f"{stem.name}: {len(entries)} pictures, {at / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, help="folder with the training sets")
    parser.add_argument("--simulated", type=pathlib.Path, nargs="*", default=[], help="folders of `safelight simulate`")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.data:
        write(args.out / "real", [(args.data / s, s, labelled) for s, labelled in SETS.items()])
    for folder in args.simulated:
        write(args.out / f"simulated-{folder.name}", [(folder, f"simulated/{folder.name}", [PLATE, FACE])])


if __name__ == "__main__":
    main()
