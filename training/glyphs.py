"""Plate lettering drawn from strokes, and from whatever fonts are at hand.

Plates use a few dozen typefaces, most of which nobody may ship. A letter here is a handful of strokes with filleted corners
whose width, weight, roundness and variants are drawn at random for each typeface: a net that reads them all reads the real ones.
"""

import pathlib

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
S = "sharp"

# Each glyph has variants; each variant is a list of strokes; a stroke is (closed, points). Points are x, y in the unit box, y
# down; corners are rounded unless marked sharp.
o, c = False, True
GLYPHS: dict[str, list] = {
    "A": [[(o, [(0, 1), (0.5, 0, S), (1, 1)]), (o, [(0.17, 0.68), (0.83, 0.68)])],
          [(o, [(0, 1), (0.38, 0, S), (0.62, 0, S), (1, 1)]), (o, [(0.14, 0.7), (0.86, 0.7)])],
          [(o, [(0, 1), (0, 0), (1, 0), (1, 1)]), (o, [(0, 0.55), (1, 0.55)])]],
    "B": [[(c, [(0, 0, S), (0.93, 0), (0.93, 0.47), (0, 0.47, S)]), (c, [(0, 0.47, S), (1, 0.47), (1, 1), (0, 1, S)])]],
    "C": [[(o, [(1, 0.28), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0.72)])], [(o, [(1, 0.18), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0.82)])]],
    "D": [[(c, [(0, 0, S), (1, 0), (1, 1), (0, 1, S)])]],
    "E": [[(o, [(1, 0), (0, 0, S), (0, 1, S), (1, 1)]), (o, [(0, 0.48), (0.85, 0.48)])]],
    "F": [[(o, [(1, 0), (0, 0, S), (0, 1)]), (o, [(0, 0.5), (0.82, 0.5)])]],
    "G": [[(o, [(1, 0.27), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0.52, S), (0.55, 0.52)])],
          [(o, [(1, 0.22), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0.55, S), (0.5, 0.55)]), (o, [(1, 0.55), (1, 1)])]],
    "H": [[(o, [(0, 0), (0, 1)]), (o, [(1, 0), (1, 1)]), (o, [(0, 0.49), (1, 0.49)])]],
    "I": [[(o, [(0.5, 0), (0.5, 1)])], [(o, [(0.5, 0), (0.5, 1)]), (o, [(0.1, 0), (0.9, 0)]), (o, [(0.1, 1), (0.9, 1)])]],
    "J": [[(o, [(1, 0), (1, 1), (0, 1), (0, 0.7)])], [(o, [(0.3, 0), (1, 0, S), (1, 1), (0, 1), (0, 0.75)])]],
    "K": [[(o, [(0, 0), (0, 1)]), (o, [(1, 0), (0, 0.6)]), (o, [(0.36, 0.4), (1, 1)])],
          [(o, [(0, 0), (0, 1)]), (o, [(1, 0), (0.12, 0.5, S), (1, 1)])]],
    "L": [[(o, [(0, 0), (0, 1, S), (1, 1)])]],
    "M": [[(o, [(0, 1), (0, 0, S), (0.5, 0.62, S), (1, 0, S), (1, 1)])], [(o, [(0, 1), (0.08, 0, S), (0.5, 0.85, S), (0.92, 0, S), (1, 1)])],
          [(o, [(0, 1), (0, 0, S), (0.5, 1, S), (1, 0, S), (1, 1)])]],
    "N": [[(o, [(0, 1), (0, 0, S), (1, 1, S), (1, 0)])]],
    "O": [[(c, [(0, 0), (1, 0), (1, 1), (0, 1)])]],
    "P": [[(o, [(0, 1), (0, 0, S), (1, 0), (1, 0.54), (0, 0.54)])]],
    "Q": [[(c, [(0, 0), (1, 0), (1, 1), (0, 1)]), (o, [(0.58, 0.68), (1.02, 1.04)])],
          [(c, [(0, 0), (1, 0), (1, 1), (0, 1)]), (o, [(0.5, 0.8), (0.8, 1.16)])]],
    "R": [[(o, [(0, 1), (0, 0, S), (1, 0), (1, 0.52), (0, 0.52)]), (o, [(0.45, 0.52), (1, 1)])],
          [(o, [(0, 1), (0, 0, S), (1, 0), (1, 0.52), (0, 0.52)]), (o, [(0.6, 0.52), (1, 0.52), (1, 1)])]],
    "S": [[(o, [(1, 0.24), (1, 0), (0, 0), (0, 0.48), (1, 0.48), (1, 1), (0, 1), (0, 0.76)])],
          [(o, [(1, 0.16), (1, 0), (0, 0), (0, 0.42), (1, 0.56), (1, 1), (0, 1), (0, 0.84)])]],
    "T": [[(o, [(0, 0), (1, 0)]), (o, [(0.5, 0), (0.5, 1)])]],
    "U": [[(o, [(0, 0), (0, 1), (1, 1), (1, 0)])]],
    "V": [[(o, [(0, 0), (0.5, 1, S), (1, 0)])]],
    "W": [[(o, [(0, 0), (0.23, 1, S), (0.5, 0.2, S), (0.77, 1, S), (1, 0)])], [(o, [(0, 0), (0, 1, S), (0.5, 0.45, S), (1, 1, S), (1, 0)])],
          [(o, [(0, 0), (0.25, 1, S), (0.5, 0, S), (0.75, 1, S), (1, 0)])]],
    "X": [[(o, [(0, 0), (1, 1)]), (o, [(1, 0), (0, 1)])]],
    "Y": [[(o, [(0, 0), (0.5, 0.52, S), (1, 0)]), (o, [(0.5, 0.52), (0.5, 1)])]],
    "Z": [[(o, [(0, 0), (1, 0, S), (0, 1, S), (1, 1)])]],
    "0": [[(c, [(0, 0), (1, 0), (1, 1), (0, 1)])], [(c, [(0, 0), (1, 0), (1, 1), (0, 1)])], [(c, [(0, 0), (1, 0), (1, 1), (0, 1)])],
          [(c, [(0, 0), (1, 0), (1, 1), (0, 1)]), (o, [(0.12, 0.86), (0.88, 0.14)])],
          [(c, [(0, 0), (1, 0), (1, 1), (0, 1)]), (o, [(0.5, 0.46), (0.5, 0.54)])]],
    "1": [[(o, [(0.15, 0.24), (0.6, 0, S), (0.6, 1)])], [(o, [(0.2, 0.2), (0.55, 0, S), (0.55, 1)]), (o, [(0.1, 1), (1, 1)])],
          [(o, [(0.5, 0), (0.5, 1)])], [(o, [(0.1, 0.12), (0.6, 0.1, S), (0.6, 0), (0.6, 1)])]],
    "2": [[(o, [(0, 0.27), (0, 0), (1, 0), (1, 0.46), (0, 1, S), (1, 1)])], [(o, [(0, 0.22), (0, 0), (1, 0), (1, 0.5), (0, 0.6), (0, 1, S), (1, 1)])]],
    "3": [[(o, [(0, 0.22), (0, 0), (1, 0), (1, 0.47), (0.4, 0.47)]), (o, [(0.4, 0.47), (1, 0.47), (1, 1), (0, 1), (0, 0.78)])],
          [(o, [(0, 0), (1, 0, S), (0.45, 0.4, S), (1, 0.42), (1, 1), (0, 1), (0, 0.8)])]],
    "4": [[(o, [(0.76, 1), (0.76, 0, S), (0, 0.72, S), (1, 0.72)])], [(o, [(0.35, 0), (0, 0.7, S), (1, 0.7)]), (o, [(0.72, 0.36), (0.72, 1)])],
          [(o, [(0, 0), (0, 0.56, S), (1, 0.56)]), (o, [(1, 0), (1, 1)])]],
    "5": [[(o, [(0.94, 0), (0.06, 0, S), (0, 0.45, S), (1, 0.4), (1, 1), (0, 1), (0, 0.78)])],
          [(o, [(0.96, 0), (0, 0, S), (0, 0.44, S), (1, 0.44), (1, 1), (0, 1), (0, 0.76)])]],
    "6": [[(c, [(0, 0.43), (1, 0.43), (1, 1), (0, 1)]), (o, [(0, 0.7), (0, 0), (1, 0), (1, 0.22)])],
          [(c, [(0, 0.4), (1, 0.4), (1, 1), (0, 1)]), (o, [(0.7, 0), (0.04, 0.58)])]],
    "7": [[(o, [(0, 0), (1, 0, S), (0.33, 1)])], [(o, [(0, 0.14), (0, 0, S), (1, 0, S), (0.4, 0.5), (0.4, 1)])],
          [(o, [(0, 0), (1, 0, S), (0.33, 1)]), (o, [(0.3, 0.52), (0.88, 0.52)])]],
    "8": [[(c, [(0.05, 0), (0.95, 0), (0.95, 0.47), (0.05, 0.47)]), (c, [(0, 0.47), (1, 0.47), (1, 1), (0, 1)])]],
    "9": [[(c, [(0, 0), (1, 0), (1, 0.57), (0, 0.57)]), (o, [(1, 0.3), (1, 1), (0, 1), (0, 0.78)])],
          [(c, [(0, 0), (1, 0), (1, 0.6), (0, 0.6)]), (o, [(0.96, 0.42), (0.3, 1)])]],
}
NARROW = {"I": 0.5, "1": 0.62}
WIDE = {"M": 1.14, "W": 1.22, "O": 1.0, "Q": 1.0}


def fillet(points: np.ndarray, sharp: list[bool], closed: bool, radius: float) -> np.ndarray:
    """The polyline with its corners rounded to `radius`, less where an edge is too short."""
    n, out = len(points), []
    for k in range(n):
        p = points[k]
        if (not closed and k in (0, n - 1)) or sharp[k]:
            out.append(p)
            continue
        before, after = points[k - 1] - p, points[(k + 1) % n] - p
        lb, la = np.linalg.norm(before), np.linalg.norm(after)
        # An inner edge is shared by two corners, an end by one.
        limit = min(lb * (1.0 if not closed and k == 1 else 0.5), la * (1.0 if not closed and k == n - 2 else 0.5))
        r = min(radius, limit)
        a, b = p + before / lb * r, p + after / la * r
        middle = a + b - p  # centre of the arc where the edges are square, near it elsewhere
        for t in np.linspace(0, np.pi / 2, 6):
            out.append(middle + (p - b) * np.sin(np.pi / 2 - t) * 1.0 + (p - a) * np.sin(t))
    return np.array(out)


class StrokeFace:
    """One random typeface of strokes: masks of all glyphs at `height` pixels."""

    def __init__(self, rng: np.random.Generator, height: int = 64):
        self.height = height
        width = height * rng.uniform(0.42, 0.72)
        weight = height * rng.uniform(0.09, 0.2)
        radius = width * rng.choice([0.5, 0.42, 0.3, 0.18], p=[0.45, 0.25, 0.2, 0.1])
        lean = rng.normal(0, 0.03) if rng.random() < 0.2 else 0.0
        same_o = rng.random() < 0.6  # many plates draw O and 0 alike
        self.masks = {}
        for char, variants in GLYPHS.items():
            strokes = variants[int(rng.random() ** 1.4 * len(variants))]
            stretch = NARROW.get(char, 1.0) if strokes is not GLYPHS["I"][1] else 0.7
            stretch *= WIDE.get(char, 1.0)
            if char in "OQ" and not same_o:
                stretch *= 1.18
            if char in NARROW and rng.random() < 0.25:
                stretch = 1.0
            r = radius if not (char == "0" and not same_o) else min(radius, width * 0.4)
            self.masks[char] = self.draw(strokes, width * stretch, weight, r, lean)
        if same_o:
            self.masks["0"] = self.masks["O"]

    def draw(self, strokes, width, weight, radius, lean):
        pad = 6
        h, scale = self.height, 16
        w = int(max(width, weight * 1.05)) + 1
        mask = np.zeros((h + 2 * pad, w + 2 * pad), np.uint8)
        inner = np.array([max(w - weight, 0.0), h - weight])
        for closed, points in strokes:
            xy = np.array([p[:2] for p in points], np.float64) * inner + weight / 2 + pad
            xy[:, 0] += lean * (h / 2 - xy[:, 1])
            line = fillet(xy, [len(p) > 2 for p in points], closed, max(radius - weight / 2, 1.0))
            cv2.polylines(mask, [np.round(line * scale).astype(np.int32)], closed, 255, max(1, round(weight)), cv2.LINE_AA, 4)
        return mask[:, 2:-2]


class FontFace:
    """A typeface from a font file, stretched to a plate's proportions."""

    def __init__(self, rng: np.random.Generator, path: str, height: int = 64):
        self.height = height
        font = ImageFont.truetype(path, int(height * 1.5))
        squeeze = rng.uniform(0.6, 1.1)
        grow = int(rng.integers(0, 4))
        self.masks = {}
        for char in ALPHABET:
            l, t, r, b = font.getbbox(char)
            image = Image.new("L", (r - l, b - t))
            ImageDraw.Draw(image).text((-l, -t), char, 255, font)
            # Capitals and figures to one height; Q's tail is squeezed in, as on plates.
            glyph = cv2.resize(np.array(image), (max(6, int((r - l) * squeeze * height / max(b - t, 1))), height), interpolation=cv2.INTER_AREA)
            glyph = np.pad(glyph, ((6, 6), (4, 4)))
            self.masks[char] = cv2.dilate(glyph, np.ones((grow, grow), np.uint8)) if grow > 1 else glyph


def faces(seed: int, strokes: int, fonts: list[pathlib.Path]) -> list:
    """`strokes` random stroke typefaces, and two cuts of each font."""
    rng = np.random.default_rng(seed)
    made: list = [StrokeFace(rng) for _ in range(strokes)]
    for path in sorted(fonts):
        try:
            made += [FontFace(rng, str(path)) for _ in range(4)]
        except (OSError, ValueError):
            continue  # a font without these letters
    return made
