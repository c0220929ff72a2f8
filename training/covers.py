"""What people wear and hold before their faces, drawn over a face in a grey picture: helmets, scarves, hoods, hats, glasses, hands, telephones.

Every function takes a picture and a face's box (l, t, r, b) and paints into the picture. Sizes are shares of the face's width and height.
"""

import cv2
import numpy as np

SHIFT = 4  # fractional bits of coordinates
ROUND = np.linspace(0, 2 * np.pi, 40, endpoint=False)


class Easel:
    """A face's own coordinates on a picture: x from -1 to 1 across the face, y from 0 at its top to 1 at its chin, turned a little."""

    def __init__(self, rng: np.random.Generator, image: np.ndarray, box: np.ndarray):
        self.rng, self.image = rng, image
        l, t, r, b = box
        self.w, self.h, self.x, self.y = (r - l) / 2, b - t, (l + r) / 2, t
        turn, self.aside = rng.normal(0, 0.08), rng.normal(0, 0.12)
        self.turn = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        self.light = rng.normal(0, 0.5), rng.normal(-0.4, 0.3)
        reach = 1.1 * max(self.w * 2, self.h)
        rows, columns = image.shape
        self.x0, self.y0 = max(0, int(self.x - reach)), max(0, int(t - reach))
        self.x1, self.y1 = min(columns, int(self.x + reach) + 1), min(rows, int(b + reach) + 1)

    def points(self, xy: np.ndarray) -> np.ndarray:
        """Pixels of points in the face's coordinates, in a corner of the picture."""
        p = np.asarray(xy, float) * (self.w, self.h) - (0, self.h / 2)
        return p @ self.turn.T + (self.x - self.x0, self.y + self.h / 2 - self.y0)

    def mask(self, *outlines) -> np.ndarray:
        """What outlines cover, 0 to 1; those after the first are cut out."""
        cover = np.zeros((self.y1 - self.y0, self.x1 - self.x0), np.uint8)
        for k, outline in enumerate(outlines):
            points = np.round(self.points(outline) * (1 << SHIFT)).astype(np.int32)
            cv2.fillPoly(cover, [points], 0 if k else 255, cv2.LINE_AA, SHIFT)
        return cover.astype(np.float32) / 255

    def paint(self, cover: np.ndarray, tone: float, gloss: float = 0.25, folds: float = 0.0) -> None:
        """A tone through a mask, lit from one side, with folds or threads."""
        if not cover.size:
            return
        area = self.image[self.y0 : self.y1, self.x0 : self.x1]
        h, w = cover.shape
        xs = (np.arange(w, dtype=np.float32)[None, :] - (self.x - self.x0)) / max(self.w, 1)
        ys = (np.arange(h, dtype=np.float32)[:, None] - (self.y - self.y0)) / max(self.h, 1) - 0.4
        lit = tone * (1 + gloss * (self.light[0] * xs + self.light[1] * ys - 0.5 * xs * xs))
        if folds:
            coarse = self.rng.normal(0, folds, tuple(int(n) for n in self.rng.integers(3, 12, 2))).astype(np.float32)
            lit = lit + cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
        area[:] = np.clip(area + (lit - area) * cover + 0.5, 0, 255).astype(np.uint8)


def oval(x: float, y: float, w: float, h: float, square: float = 2.0) -> np.ndarray:
    """Half axes w and h around a point; squarer above 2."""
    c, s = np.cos(ROUND), np.sin(ROUND)
    return np.stack([x + w * np.sign(c) * np.abs(c) ** (2 / square), y + h * np.sign(s) * np.abs(s) ** (2 / square)], 1)


def tone(rng) -> float:
    return float(rng.choice([rng.uniform(5, 60), rng.uniform(60, 190), rng.uniform(190, 252)]))


def helmet(rng, image, box, shut: bool) -> None:
    """A motorcyclist's: a shell with an opening for the eyes, or for the whole face; a visor, clear or, if `shut`, dark."""
    e, shell = Easel(rng, image, box), tone(rng)
    wide, top = rng.uniform(1.25, 1.55), -rng.uniform(0.25, 0.45)
    closed = shut or rng.random() < 0.6
    low = rng.uniform(1.05, 1.25) if closed else rng.uniform(0.75, 1.0)
    outline = oval(0, (top + low) / 2, wide, (low - top) / 2, rng.uniform(2.1, 2.8))
    eyes = rng.uniform(0.28, 0.45)
    if closed:
        opening = oval(e.aside, eyes, rng.uniform(0.8, 1.05), rng.uniform(0.14, 0.24), rng.uniform(2.5, 4))
    else:
        opening = oval(e.aside, 0.75, rng.uniform(0.85, 1.0), 0.75 - rng.uniform(0.1, 0.25), rng.uniform(2.2, 3.5))
    e.paint(e.mask(outline, opening), shell, 0.5)
    if rng.random() < 0.4:  # a stripe or a badge
        e.paint(e.mask(oval(rng.normal(0, 0.4), top + 0.18, rng.uniform(0.1, 0.7), 0.07)), tone(rng))
    rim = oval(e.aside, eyes, 0.98, 0.25, 3)
    if closed and rng.random() < 0.5:
        e.paint(e.mask(rim, opening), shell * rng.uniform(0.4, 0.9))
    if shut or (closed and rng.random() < 0.4):
        e.paint(e.mask(opening) * (rng.uniform(0.93, 1.0) if shut else rng.uniform(0.1, 0.55)), rng.uniform(5, 70) if rng.random() < 0.7 else 200, 0.9)
        if rng.random() < 0.6:  # the sky in it
            e.paint(e.mask(oval(e.aside + rng.normal(0, 0.3), eyes - 0.08, rng.uniform(0.1, 0.5), 0.05)) * rng.uniform(0.2, 0.8), 245, 0)
    if not closed and rng.random() < 0.7:
        for side in (-1, 1):
            strap = np.array([[side * 0.95, 0.55], [side * 1.05, 0.55], [side * 0.3, 1.1], [side * 0.2, 1.08]])
            e.paint(e.mask(strap), rng.uniform(10, 90))


def hard_hat(rng, image, box, shut: bool) -> None:
    """A builder's or a cyclist's: a dome above the brows, often with a peak."""
    e, shell = Easel(rng, image, box), tone(rng)
    brow, wide = rng.uniform(0.08, 0.3), rng.uniform(1.1, 1.4)
    up = rng.uniform(0.4, 0.6)
    half = ROUND[:20] + np.pi
    dome = np.stack([wide * np.cos(half), brow + up * np.sin(half)], 1)
    e.paint(e.mask(dome), shell, 0.5)
    if rng.random() < 0.6:
        peak = oval(e.aside, brow, wide * rng.uniform(1.0, 1.2), rng.uniform(0.03, 0.09))
        e.paint(e.mask(peak), shell * rng.uniform(0.6, 1.0))
        e.paint(e.mask(oval(e.aside, brow + 0.1, wide * 0.85, 0.09)) * rng.uniform(0.2, 0.6), 10, 0)  # its shadow
    for _ in range(int(rng.integers(0, 4))):  # ribs or slots
        x = rng.uniform(-0.8, 0.8) * wide
        e.paint(e.mask(oval(x, brow - 0.55 * up, 0.06, 0.3 * up)), shell * rng.uniform(0.5, 1.3))


def scarf(rng, image, box, shut: bool) -> None:
    """A scarf, a bandana or a mask from the nose down, or cloth all around the face."""
    e, cloth, folds = Easel(rng, image, box), tone(rng), rng.uniform(2, 22)
    nose = rng.uniform(0.42, 0.62)
    lower = np.array([[-1.1, nose + rng.normal(0, 0.04)], [e.aside, nose - rng.uniform(0, 0.08)], [1.1, nose + rng.normal(0, 0.04)],
                      [1.25, 1.0], [rng.uniform(0.6, 1.3), rng.uniform(1.15, 1.6)], [-rng.uniform(0.6, 1.3), rng.uniform(1.15, 1.6)], [-1.25, 1.0]])
    draw = rng.random()
    if draw < 0.65:
        e.paint(e.mask(lower), cloth, 0.3, folds)
    if draw > 0.45:  # over the head as well
        wide, top = rng.uniform(1.2, 1.6), -rng.uniform(0.15, 0.4)
        outline = oval(0, (top + 1.35) / 2, wide, (1.35 - top) / 2, 2.2)
        opening = oval(e.aside, 0.5, rng.uniform(0.75, 0.95), rng.uniform(0.36, 0.5), 2.2)
        if draw > 0.9:
            opening = oval(e.aside, rng.uniform(0.3, 0.42), rng.uniform(0.75, 0.95), rng.uniform(0.1, 0.18), 2.6)
        e.paint(e.mask(outline, opening), cloth, 0.3, folds)


def hat(rng, image, box, shut: bool) -> None:
    """A cap, a knitted hat or a hat with a brim, down to the brows, and its shadow."""
    e, cloth = Easel(rng, image, box), tone(rng)
    brow, wide, up = rng.uniform(0.1, 0.34), rng.uniform(1.02, 1.25), rng.uniform(0.35, 0.65)
    crown = oval(0, brow - up / 2, wide, up / 2 + 0.06, rng.uniform(2.2, 3.5))
    if rng.random() < 0.5:
        e.paint(e.mask(oval(e.aside, brow + 0.12, 0.95, 0.16)) * rng.uniform(0.3, 0.75), rng.uniform(0, 50), 0)
    e.paint(e.mask(crown), cloth, 0.35, rng.uniform(0, 14))
    if rng.random() < 0.65:
        e.paint(e.mask(oval(e.aside, brow, rng.uniform(0.9, 1.9), rng.uniform(0.05, 0.12))), cloth * rng.uniform(0.5, 1.1))


def glasses(rng, image, box, shut: bool) -> None:
    """Sunglasses or goggles."""
    e, lens = Easel(rng, image, box), rng.uniform(0, 70) if rng.random() < 0.8 else rng.uniform(120, 230)
    eyes, strength = rng.uniform(0.33, 0.45), rng.uniform(0.75, 1.0)
    if rng.random() < 0.3:
        e.paint(e.mask(oval(e.aside, eyes, rng.uniform(0.85, 1.05), rng.uniform(0.1, 0.2), 3.5)) * strength, lens, 0.6)
        return
    w, h = rng.uniform(0.3, 0.45), rng.uniform(0.08, 0.16)
    for side in (-1, 1):
        e.paint(e.mask(oval(e.aside + side * 0.46, eyes, w, h, rng.uniform(2, 3.5))) * strength, lens, 0.6)
    e.paint(e.mask(oval(e.aside, eyes - 0.03, 0.5, 0.02)), lens)


def telephone(rng, image, box, shut: bool) -> None:
    """A telephone, a cup or a camera before a part of the face, with the fingers that hold it."""
    e, side = Easel(rng, image, box), 1 if rng.random() < 0.5 else -1
    x, y = side * rng.uniform(0.2, 1.0), rng.uniform(0.3, 1.0)
    w, h = rng.uniform(0.25, 0.6), rng.uniform(0.2, 0.45)
    e.paint(e.mask(oval(x, y, w, h, 6)), tone(rng), 0.3)
    fingers(rng, e, x + side * 0.3, y + 0.1, int(rng.integers(2, 5)), rng.uniform(0.25, 0.6))


def hand(rng, image, box, shut: bool) -> None:
    """A hand at the chin, the cheek, the mouth or the brow."""
    e = Easel(rng, image, box)
    x, y = rng.uniform(-0.9, 0.9), rng.choice([rng.uniform(0.6, 1.05), rng.uniform(0.0, 0.3)])
    inner = image[max(0, int(e.y + 0.3 * e.h)) : int(e.y + 0.7 * e.h) + 1, max(0, int(e.x - e.w / 2)) : int(e.x + e.w / 2) + 1]
    skin = float(np.clip(np.median(inner) * rng.uniform(0.8, 1.2), 5, 250))
    e.paint(e.mask(oval(x + rng.normal(0, 0.2), y + 0.3, rng.uniform(0.35, 0.6), rng.uniform(0.2, 0.35), 2.5)), skin, 0.4, 4)
    fingers(rng, e, x, y, int(rng.integers(2, 6)), rng.uniform(0.4, 0.9), skin)


def fingers(rng, e: Easel, x: float, y: float, count: int, length: float, skin: float | None = None) -> None:
    skin = float(rng.uniform(30, 220)) if skin is None else skin
    lean, thick = rng.normal(0, 0.7), rng.uniform(0.07, 0.11)
    for k in range(count):
        along = np.array([np.sin(lean), -np.cos(lean)]) * length * rng.uniform(0.75, 1.0) / 2
        across = np.array([np.cos(lean), np.sin(lean)])
        middle = np.array([x, y]) + across * (k - count / 2) * 2.2 * thick
        body = oval(0, 0, thick, length / 2, 3.5)
        turned = body @ np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
        cover = e.mask(turned + middle + along * 0.2)
        e.paint(cover, skin * rng.uniform(0.85, 1.1), 0.5)


# What befalls a face, and how often beside the others; what may befall what is none, so that no net takes drawn cloth for people.
WORN = {helmet: 4, hard_hat: 2, scarf: 4, hat: 2, glasses: 2, telephone: 1.5, hand: 2}
LOOSE = {telephone: 1, hand: 1, hat: 0.3}


def covered(rng: np.random.Generator, image: np.ndarray, box: np.ndarray, face: bool = True, shut: float = 0.0) -> np.ndarray:
    """The picture with something before the face, or two; a share of helmets `shut` shows nothing of it."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if not (0 <= x < image.shape[1] and 0 <= y < image.shape[0]):
        return image
    image, kinds = image.copy(), WORN if face else LOOSE
    odds = np.array(list(kinds.values()), float)
    names = list(kinds)
    first = names[rng.choice(len(names), p=odds / odds.sum())]
    second = {helmet: scarf, hard_hat: rng.choice([glasses, scarf]), hat: glasses, scarf: glasses}.get(first)
    if face and second and rng.random() < (0.4 if first is helmet else 0.3):
        second(rng, image, box, False)
    first(rng, image, box, rng.random() < shut)
    return image
