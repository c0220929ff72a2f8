#!/usr/bin/env python3
"""What Safelight, with each effort, and deface leave of faces or plates whose boxes are known. See README.md."""

import argparse
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

from environment import HERE, ROOT, enter, processor

# Its neighbour has the name of a package that deface imports.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]

enter(__file__)

import imageio.v2 as imageio  # noqa: E402
import numpy  # noqa: E402

EFFORTS = ("fast", "normal", "thorough")


def covered(box: list[float], areas: list[list[float]]) -> float:
    """The share of a box under the union of areas, by counting pixels."""
    x, y, w, h = (round(side) for side in box)
    seen = numpy.zeros((max(h, 1), max(w, 1)), bool)
    for left, top, across, down in areas:
        seen[max(0, round(top) - y) : max(0, round(top + down) - y), max(0, round(left) - x) : max(0, round(left + across) - x)] = True
    return float(seen.mean())


def touch(a: list[float], b: list[float]) -> bool:
    return min(a[0] + a[2], b[0] + b[2]) > max(a[0], b[0]) and min(a[1] + a[3], b[1] + b[3]) > max(a[1], b[1])


def safelight(program: Path, folder: Path, kind: str, effort: str) -> dict[str, tuple[list, list]]:
    """By name, the boxes found and the areas blanked."""
    run = subprocess.run([program, "inspect", folder, "--json", "--quiet", "--effort", effort], stdout=subprocess.PIPE, text=True)
    rows = map(json.loads, run.stdout.splitlines())
    return {row["path"]: ([r["box"] for r in row["regions"] if r["kind"] == kind], row["redacted"]) for row in rows}


def deface(folder: Path, names: list[str]) -> dict[str, tuple[list, list]]:
    """The same by deface's own net and defaults, whose masks are 1.3 times its boxes; as boxes, which hide more than its ovals do."""
    from deface.centerface import CenterFace
    from deface.deface import scale_bb

    net, found = CenterFace(), {}
    for name in names:
        picture = imageio.imread(folder / name)
        picture = numpy.stack([picture] * 3, 2) if picture.ndim == 2 else picture[:, :, :3]
        boxes, areas = [], []
        for x1, y1, x2, y2, _ in net(picture, threshold=0.2)[0]:
            boxes.append([x1, y1, x2 - x1, y2 - y1])
            x1, y1, x2, y2 = scale_bb(x1, y1, x2, y2, 1.3)
            areas.append([x1, y1, x2 - x1, y2 - y1])
        found[name] = (boxes, areas)
    return found


def counted(truth: list[dict], kind: str, found: dict[str, tuple[list, list]]) -> str:
    """Cells of a table: how many are covered and leaked of all, and false regions a picture."""
    total = whole = leaked = false = 0
    for row in truth:
        wanted = [region["box"] for region in row["regions"] if region["kind"] == kind]
        boxes, areas = found.get(row["path"], ([], []))
        shares = [covered(box, areas) for box in wanted]
        total, whole, leaked = total + len(wanted), whole + sum(s >= 0.98 for s in shares), leaked + sum(s < 0.5 for s in shares)
        false += sum(not any(touch(box, known) for known in wanted + row.get("ignore", [])) for box in boxes)
    return f"{whole} | {leaked} | {100 * leaked / max(total, 1):.1f} % | {false / len(truth):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures")
    parser.add_argument("truth", type=Path, help='a line of JSON each: {"path", "regions": [{"kind", "box": [x, y, w, h]}]}')
    parser.add_argument("--kind", default="face", choices=["plate", "face"])
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/safelight")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        sys.exit("first: cargo build --release")
    truth = [json.loads(line) for line in arguments.truth.read_text().splitlines() if line.strip()]
    count = sum(region["kind"] == arguments.kind for row in truth for region in row["regions"])
    print(f"| {count:,} {arguments.kind}s in {len(truth):,} pictures; {processor()} | covered | leaked | | false a picture |")
    print("|---|--:|--:|--:|--:|")
    for effort in EFFORTS:
        print(f"| Safelight, `--effort {effort}` | {counted(truth, arguments.kind, safelight(arguments.program, arguments.folder, arguments.kind, effort))} |")
    if arguments.kind == "face":
        version = importlib.metadata.version("deface")
        print(f"| deface {version} | {counted(truth, 'face', deface(arguments.folder, [row['path'] for row in truth]))} |")


if __name__ == "__main__":
    main()
