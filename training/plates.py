"""Endless batches of plate crops with their text for the reader: drawn plates, real crops, simulated ones."""

import json
import pathlib

import cv2
import numpy as np
import torch

import glyphs
import letters
import photo
from crop import GROW, cut, to_crop
from pack import grey, held_out, rows

LONGEST = 10
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
# L a letter, D a digit, ? either, - a gap, / a new line (only some plates are drawn on two).
PATTERNS = """
LLL-DDDD LLL-DDD DDD-LLL DLLLDDD LLLDDDD DDDDLL LL-DDDDD DDL-DDD LLDDDLL LL-DDD-LL LLL-DLDD L-LLDDDD LL-LLDDDD LL-LDDDD L-LDDD
LL-LDDD LLDD-LLL DDDD-LLL LLL-DD-DD LDDDD LDDDDD LLDDDD DDDDDD DDDDDDD DDDDD DDDD LLLLLLL LLLLLL LLLLL LLDLLLL D-LLL-DDD LLL-DDDL
DL-DDDDD LDD-DDD DDD-DDD ???-??? ??????? ?????? ????? ???????? DDDLLL LLLDDL DDLLLD LLDDLL LDDLLL DDDLL LLLDD LL-DD-LLL LL-DDD
LLL-DLDDDD DD-LLL-DD LDDDLLL LLLDDDL ??-????? ???-???? DDD-DDDD DDDDDDL L-DDDDD LLLD-LL DLDDDDD LLDDLLDDDD
""".split()


def sentence(rng: np.random.Generator) -> str:
    """A plate's characters in one of many countries' patterns; gaps as '-'."""
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    text = []
    for kind in pattern:
        if kind == "L" or (kind == "?" and rng.random() < 0.5):
            text.append(LETTERS[rng.integers(26)])
        elif kind in "D?":
            text.append(DIGITS[rng.integers(10)])
        else:
            text.append("-")
    return "".join(text)


class Draughtsman:
    """Draws flat plates: field, border, band, small print, stickers, bolts and the characters."""

    def __init__(self, seed: int, strokes: int, fonts: list[pathlib.Path]):
        self.faces = glyphs.faces(seed, strokes, fonts)

    def line(self, rng, text: str, face, spacing: float) -> np.ndarray:
        """One row of characters as a mask of the face's height."""
        parts = []
        gap = np.zeros((face.height + 12, max(1, int(face.height * spacing))), np.uint8)
        wide = int(face.height * rng.uniform(0.12, 0.5))
        for k, char in enumerate(text):
            if char == "-":
                space = np.zeros((face.height + 12, wide), np.uint8)
                style = rng.random()
                middle = (wide // 2, (face.height + 12) // 2)
                if style < 0.25:
                    cv2.line(space, (wide // 4, middle[1]), (wide - wide // 4, middle[1]), 255, max(2, face.height // 10))
                elif style < 0.45:
                    cv2.circle(space, middle, max(2, face.height // 12), 255, -1)
                elif style < 0.6 and wide > 14:  # an emblem
                    cv2.circle(space, middle, wide // 3, int(rng.integers(60, 255)), -1 if rng.random() < 0.5 else 2)
                parts.append(space)
            else:
                parts += [face.masks[char], gap]
        return np.hstack(parts)

    def print_small(self, rng, field, face, x, y, height, width, tone):
        """State names, slogans, dates: lettering that must not be read."""
        count = int(rng.integers(2, 16))
        text = "".join(glyphs.ALPHABET[10 + rng.integers(26)] if rng.random() < 0.85 else DIGITS[rng.integers(10)] for _ in range(count))
        mask = self.line(rng, text, face, 0.05)
        w = min(width, max(3, int(mask.shape[1] * height / mask.shape[0])))
        mask = cv2.resize(mask, (w, max(3, height)), interpolation=cv2.INTER_AREA)
        x = int(x - w / 2)
        stamp(field, mask, x, int(y), tone)

    def draw(self, rng, easy: bool = False, stacked: float = 0.16) -> tuple[np.ndarray, str]:
        """A flat plate, grey, and its text; an easy one has two to four characters, a share of `stacked` has two lines."""
        face = self.faces[rng.integers(len(self.faces))]
        text = "".join(glyphs.ALPHABET[k] for k in rng.integers(0, 36, rng.integers(2, 5))) if easy else sentence(rng)
        plain = text.replace("-", "")
        spacing = rng.uniform(0.02, 0.22)
        two = len(plain) >= 4 and not easy and rng.random() < stacked
        if two:
            cut = text.find("-") if "-" in text and rng.random() < 0.6 else int(rng.integers(2, len(text) - 1))
            lines = [text[:cut].strip("-"), text[cut:].strip("-")]
            lines = [x for x in lines if x]
        else:
            lines = [text]
        masks = [self.line(rng, x, face, spacing) for x in lines]
        if two:
            gap = int(face.height * rng.uniform(0.02, 0.25))
            width = max(m.shape[1] for m in masks)
            flush = rng.random() < 0.2
            padded = [np.pad(m, ((0, gap if k == 0 else 0), (0, 0))) for k, m in enumerate(masks)]
            ink = np.vstack([np.pad(m, ((0, 0), ((0, width - m.shape[1]) if flush else ((width - m.shape[1]) // 2, width - m.shape[1] - (width - m.shape[1]) // 2)))) for m in padded])
        else:
            ink = masks[0]
        ih, iw = ink.shape
        # Field around the characters: EU plates leave little above and below, US plates a third for print.
        american = not two and rng.random() < 0.45
        above = int(ih * (rng.uniform(0.12, 0.5) if american else rng.uniform(0.02, 0.28)))
        below = int(ih * (rng.uniform(0.08, 0.45) if american else rng.uniform(0.02, 0.22)))
        side = int(ih * rng.uniform(0.04, 0.3))
        band = int(ih * rng.uniform(0.3, 0.55)) if not american and rng.random() < 0.4 else 0
        right = int(band * rng.uniform(0.7, 1.0)) if band and rng.random() < 0.2 else 0
        h, w = ih + above + below, iw + 2 * side + band + right
        if american:  # stretch towards 2:1
            extra = max(0, int(h * rng.uniform(1.5, 2.1)) - w)
            side += extra // 2
            w += 2 * (extra // 2)
        dark = rng.random() < 0.3
        paper = rng.uniform(20, 110) if dark else rng.uniform(110, 250)
        tone = np.clip(paper + (1 if dark else -1) * rng.uniform(60, 200), 0, 255)
        field = np.full((h, w), paper, np.float32)
        if rng.random() < 0.5:  # a sunset, a mountain, a lighthouse: low contrast behind the characters
            coarse = rng.normal(0, rng.uniform(4, 26), (int(rng.integers(2, 7)), int(rng.integers(2, 9)))).astype(np.float32)
            field += cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST)
        left = side + band
        if band:
            field[:, :band] = rng.uniform(20, 120)
            self.print_small(rng, field, face, band / 2, h * 0.68, max(4, int(h * rng.uniform(0.12, 0.24))), int(band * 0.8), 235)
            if rng.random() < 0.7:
                cv2.circle(field, (band // 2, int(h * 0.3)), max(2, band // 3), 220, 1 if rng.random() < 0.7 else 2, cv2.LINE_AA)
        if right:
            field[:, -right:] = rng.uniform(20, 120)
        small = self.faces[rng.integers(len(self.faces))]
        if above > 12 and rng.random() < 0.85:
            size = int(above * rng.uniform(0.5, 0.85))
            self.print_small(rng, field, small, w / 2 + rng.normal(0, w * 0.06), (above - size) / 2, size, int(w * 0.7), tone)
        if below > 12 and rng.random() < 0.75:
            size = int(below * rng.uniform(0.4, 0.8))
            self.print_small(rng, field, small, w / 2, h - below + (below - size) / 2, size, int(w * 0.8), tone)
        for corner in range(4):  # stickers
            if rng.random() < 0.16:
                sw, sh = int(h * rng.uniform(0.1, 0.24)), int(h * rng.uniform(0.1, 0.2))
                x = 4 if corner % 2 else w - sw - 4
                y = 4 if corner < 2 else h - sh - 4
                field[y : y + sh, x : x + sw] = rng.uniform(10, 250)
                self.print_small(rng, field, small, x + sw / 2, y + sh * 0.2, int(sh * 0.6), sw - 2, rng.uniform(0, 255))
        # The characters, embossed: a lit and a shaded edge.
        if rng.random() < 0.4:
            edge = ink.astype(np.float32) / 255
            field[above : above + ih, left : left + iw] += (np.roll(edge, 2, (0, 1)) - np.roll(edge, -2, (0, 1))) * rng.uniform(-40, 40)
        stamp(field, ink, left, above, tone)
        if rng.random() < 0.6:
            t = max(1, int(h * rng.uniform(0.01, 0.05)))
            cv2.rectangle(field, (t, t), (w - 1 - t, h - 1 - t), float(tone if rng.random() < 0.7 else rng.uniform(0, 255)), t)
        if rng.random() < 0.4:
            for x in (w * 0.2, w * 0.8):
                for y in ((h * 0.07, h * 0.93) if rng.random() < 0.5 else (h * 0.07,)):
                    cv2.circle(field, (int(x), int(y)), max(2, h // 26), float(rng.uniform(0, 255)), -1, cv2.LINE_AA)
        if rng.random() < 0.2:  # dirt
            spots = np.clip(cv2.resize(rng.normal(-0.6, 1, (8, 20)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC), 0, 1) * rng.uniform(0.2, 0.8)
            field += (rng.uniform(60, 160) - field) * spots
        if rng.random() < 0.1:  # the frame of a dealer covers a strip above or below
            strip = int(h * rng.uniform(0.05, 0.14))
            field[-strip if rng.random() < 0.6 else 0 :][:strip] = rng.uniform(0, 255)
        return np.clip(field, 0, 255).astype(np.uint8), plain


def stamp(field: np.ndarray, mask: np.ndarray, x: int, y: int, tone: float) -> None:
    """Paints `tone` through `mask`, clipped to the field."""
    h, w = field.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + mask.shape[1], w), min(y + mask.shape[0], h)
    if x1 <= x0 or y1 <= y0:
        return
    part = mask[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32) / 255
    area = field[y0:y1, x0:x1]
    area += (tone - area) * part


def mount(rng, plate: np.ndarray, backs: list[np.ndarray], hardness: float) -> np.ndarray:
    """Puts a flat plate before a background in perspective, as some camera would see it, and cuts FORMAT.md's crop."""
    ph, pw = plate.shape
    ratio = pw / ph * np.exp(rng.normal(0, 0.1))
    width = np.exp(rng.uniform(np.log(30 if hardness > 0.2 else 90), np.log(300)))  # pixels on the sensor
    height = width / ratio
    if height < 9:
        width, height = width * 9 / height, 9
    if height > 150:
        width, height = width * 150 / height, 150
    strength = hardness
    tilt = rng.normal(0, 0.07) * strength
    shear = rng.normal(0, 0.1) * strength
    squash = 1 - abs(rng.normal(0, 0.12)) * strength
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2 * squash, height / 2)
    corners = corners + rng.normal(0, 0.02 * strength, (4, 2)) * (width, height)
    corners[:, 0] += shear * corners[:, 1]
    corners = corners @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    low, high = corners.min(0), corners.max(0)
    # The detector's box is not the truth.
    size = high - low
    wobble = rng.normal(0, 0.055, 4) if rng.random() < 0.75 or hardness < 0.2 else rng.uniform(-0.14, 0.22, 4)
    l, t = low - size * wobble[:2]
    r, b = high + size * wobble[2:]
    w, h = max(r - l, 4.0), max(b - t, 4.0)
    x0, y0, width, height = l - GROW[0] * w, t - GROW[1] * h, w * (1 + 2 * GROW[0]), h * (1 + 2 * GROW[1])
    columns, lines = int(np.ceil(width)) + 2, int(np.ceil(height)) + 2
    px, py = int(np.floor(x0)), int(np.floor(y0))
    back = backs[rng.integers(len(backs))]
    by, bx = rng.integers(0, max(1, back.shape[0] - lines)), rng.integers(0, max(1, back.shape[1] - columns))
    scene = back[by : by + lines, bx : bx + columns]
    scene = cv2.LUT(cv2.resize(scene, (columns, lines)) if scene.shape != (lines, columns) else scene, surround(rng, plate))
    shrink = max(pw / (corners[1, 0] - corners[0, 0] + 1e-6), ph / (corners[3, 1] - corners[0, 1] + 1e-6))
    if shrink > 1.6:
        plate = cv2.resize(plate, (max(4, int(pw / shrink * 1.3)), max(4, int(ph / shrink * 1.3))), interpolation=cv2.INTER_AREA)
        ph, pw = plate.shape
    frame = np.array([[0, 0], [pw, 0], [pw, ph], [0, ph]], np.float32) - 0.5
    m = cv2.getPerspectiveTransform(frame, (corners - (px, py) - 0.5).astype(np.float32))
    seen = cv2.warpPerspective(plate, m, (columns, lines), flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.full_like(plate, 255), m, (columns, lines), flags=cv2.INTER_LINEAR).astype(np.uint16)
    scene = ((seen * mask.astype(np.uint32) + scene * (255 - mask.astype(np.uint32))) // 255).astype(np.uint8)
    if hardness > 0.2:
        scene = weather(rng, scene)
    return to_crop(scene, px, py, x0, y0, width, height)


def surround(rng, plate: np.ndarray) -> np.ndarray:
    """A table that brings a background to some plausible level beside this plate."""
    level, span = rng.uniform(0, 255), rng.uniform(0.1, 1.0)
    x = np.arange(256, dtype=np.float32)
    return np.clip((x - 128) * span + level, 0, 255).astype(np.uint8)


def weather(rng, image: np.ndarray) -> np.ndarray:
    """Light, optics, sensor and file, for plates."""
    h, w = image.shape
    if rng.random() < 0.25:  # a shadow's edge, a lamp's glare
        ramp = np.linspace(rng.uniform(0.4, 1), rng.uniform(0.4, 1.2), w, dtype=np.float32)[None, :]
        if rng.random() < 0.4:
            cut = rng.uniform(0, w)
            ramp = np.where(np.arange(w) < cut, rng.uniform(0.4, 0.8), 1.0).astype(np.float32)[None, :]
        image = np.clip(image * ramp, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        image = photo.tone(rng, image, dark=0.18)
    if rng.random() < 0.3:
        # No blur that closes the letters: they are a few times as wide.
        image = photo.blur(rng, image, max(0.35, h / 60))
    if rng.random() < 0.12:
        image = photo.coarse(rng, image, 1.2 + h / 90)
    if rng.random() < 0.06 and h > 20:
        image = photo.rain(rng, image)
    if rng.random() < 0.4:
        image = photo.noise(rng, image, 20)
    if rng.random() < 0.4:
        image = photo.jpeg(rng, image, 25)
    return image


# Share of each real set; the rest is drawn, simulated, or read off photographs where there are such.
REAL = {"us": 0.22, "ar": 0.06, "cn": 0.05, "tn": 0.05}


def label(name: str, text: str) -> str | None:
    """What the reader is to say of a real crop: Latin letters and digits."""
    if name == "tn":
        text = text.replace("T", "")  # stands for the Arabic word, not for a letter
    kept = "".join(ch for ch in text.upper() if ch in glyphs.ALPHABET)
    if name == "us":
        kept = kept.replace("O", "0")  # see `either` in the reader's loss
    return kept if 2 <= len(kept) <= LONGEST else None


def real_crops(data: pathlib.Path, held: bool) -> dict[str, list[tuple[np.ndarray, str]]]:
    out: dict[str, list] = {}
    for name in REAL:
        folder = data / "plate-text-train" / name
        for row in rows(folder):
            text = label(name, row["text"])
            if text and held_out(f"{name}/{row['path']}") == held:
                out.setdefault(name, []).append((grey(folder / row["path"]), text))
    return out


class Crops(torch.utils.data.IterableDataset):
    """Batches of (crops uint8, labels, lengths, whether O and 0 are one) without end."""

    def __init__(self, data, seed: int, first: int, count: int, fonts: list[pathlib.Path], simulated: list[pathlib.Path], share: float,
                 told: pathlib.Path | None = None, told_share: float = 0.18, reader: pathlib.Path | None = None):
        self.data, self.seed, self.first, self.count = data, seed, first, count
        self.fonts, self.simulated, self.share = fonts, simulated, share
        self.told, self.told_share, self.reader = told, told_share, reader

    def __iter__(self):
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        draughtsman = Draughtsman(self.seed, 600, self.fonts)
        # Where the characters of a crop stand, a reader tells that has learnt before.
        real = letters.located(real_crops(self.data, held=False), self.reader)
        backs = [grey(p) for p in sorted((self.data / "negatives").glob("*.webp"))]
        cars = sorted((self.data / "plates-train" / "world").glob("*.webp"))
        backs += [grey(p) for p in cars[::12]]
        made = [pair for folder in self.simulated for pair in simulated_crops(folder)]
        told = told_crops(self.data, self.told) if self.told else []
        names = list(REAL)
        odds = np.array([REAL[n] for n in names] + [self.share if made else 0.0, self.told_share if told else 0.0])
        odds = np.append(odds, 1 - odds.sum())
        batch = self.first
        while True:
            # Connectionist temporal classification finds its alignment on short texts; on full plates alone it dwells for long.
            easy = min(1.0, max(0.0, 1.5 - batch / 1000))
            batch += max(1, info.num_workers if info else 1)
            crops, texts, either = [], [], []
            for k in rng.choice(len(odds), self.count, p=odds):
                if rng.random() < easy:
                    k = len(odds) - 1
                    plate, text = draughtsman.draw(rng, easy=True)
                    crops.append(mount(rng, plate, backs, 0.1))
                elif k < len(names):
                    plate, text = letters.mixed(rng, real[names[k]])
                    # Chinese and Tunisian crops bring their own tilt.
                    crops.append(mount(rng, plate, backs, 0.35 if names[k] in ("cn", "tn") else 1.0))
                elif k == len(names):
                    picture, box, text = made[rng.integers(len(made))]
                    crops.append(recrop(rng, picture, box))
                elif k == len(names) + 1:
                    picture, box, text = told[rng.integers(len(told))]
                    crops.append(recrop(rng, *smaller(rng, picture, box)))
                else:
                    plate, text = draughtsman.draw(rng)
                    crops.append(mount(rng, plate, backs, 1.0))
                texts.append(text)
                either.append(k < len(names) and names[k] == "us")
            labels = torch.tensor([glyphs.ALPHABET.index(ch) + 1 for text in texts for ch in text])
            yield (torch.from_numpy(np.stack(crops)[:, None]), labels, torch.tensor([len(t) for t in texts]), torch.tensor(either))


def simulated_crops(folder: pathlib.Path) -> list[tuple[np.ndarray, list[float], str]]:
    """Plates of `safelight simulate` with some surroundings, their boxes in them, and text."""
    out = []
    for row in rows(folder):
        if held_out(f"simulated/{folder.name}/{row['path']}"):
            continue
        image = None
        for region in row["regions"]:
            text = "".join(ch for ch in region.get("text", "").upper() if ch in glyphs.ALPHABET)
            x, y, w, h = region["box"]
            if region["kind"] != "plate" or not 2 <= len(text) <= LONGEST or h < 7 or w < 16:
                continue
            image = grey(folder / row["path"]) if image is None else image
            x0, y0 = max(0, int(x - 0.5 * w)), max(0, int(y - 0.7 * h))
            x1, y1 = min(image.shape[1], int(x + 1.5 * w) + 1), min(image.shape[0], int(y + 1.7 * h) + 1)
            # Plates of whole scenes are fewer than those drawn alone, and nearer to the real thing.
            times = 1 if row["path"].startswith("plates-") else 4
            out += [(image[y0:y1, x0:x1].copy(), [x - x0, y - y0, w, h], text)] * times
    return out


def told_crops(data: pathlib.Path, told: pathlib.Path) -> list[tuple[np.ndarray, list[float], str]]:
    """Plates of training photographs with what an earlier reader was sure that they say (transcribe.py)."""
    out = []
    for path, (x, y, w, h), text in json.loads(told.read_text()):
        image = grey(data / path)
        x0, y0 = max(0, int(x - 0.5 * w)), max(0, int(y - 0.7 * h))
        x1, y1 = min(image.shape[1], int(x + 1.5 * w) + 1), min(image.shape[0], int(y + 1.7 * h) + 1)
        out.append((image[y0:y1, x0:x1].copy(), [x - x0, y - y0, w, h], text))
    return out


def smaller(rng, picture: np.ndarray, box: list[float]) -> tuple[np.ndarray, list[float]]:
    """Half of the time as if seen from farther away, a plate's width never below 34 pixels."""
    if box[2] <= 40 or rng.random() < 0.5:
        return picture, box
    k = np.exp(rng.uniform(np.log(34 / box[2]), 0))
    size = max(8, round(picture.shape[1] * k)), max(6, round(picture.shape[0] * k))
    kx, ky = size[0] / picture.shape[1], size[1] / picture.shape[0]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), [box[0] * kx, box[1] * ky, box[2] * kx, box[3] * ky]


def recrop(rng, picture: np.ndarray, box: list[float]) -> np.ndarray:
    """A simulated plate again, with a box as a detector might give it and a little more weather."""
    x, y, w, h = box
    wobble = rng.normal(0, 0.055, 4) if rng.random() < 0.75 else rng.uniform(-0.14, 0.22, 4)
    x, y, w, h = x - wobble[0] * w, y - wobble[1] * h, w * (1 + wobble[0] + wobble[2]), h * (1 + wobble[1] + wobble[3])
    if rng.random() < 0.35:
        picture = weather(rng, picture)
    return cut(picture, [x, y, w, h])
