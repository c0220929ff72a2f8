#!/usr/bin/env python3
"""Safelight, libjpeg-turbo and deface on the same pictures, in turns, on the same cores. See README.md."""

import argparse
import functools
import importlib.metadata
import itertools
import json
import math
import multiprocessing
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import HERE, ROOT, VENV, enter, processor

# Its neighbour has the name of a package that deface imports.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]

enter(__file__)

import simplejpeg  # noqa: E402

#: The luma quantisation table of the standard's annex K in the order of the file, which encoders scale by quality.
STANDARD_LUMA = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
    56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101,
    103, 99,
]  # fmt: skip


def quality_of(file: bytes) -> int:
    """The quality at which an encoder of the usual scale would write the file's luma table."""
    at = 2
    while at + 4 <= len(file) and file[at] == 0xFF and file[at + 1] != 0xDA:
        length = int.from_bytes(file[at + 2 : at + 4], "big")
        if file[at + 1] == 0xDB and file[at + 4] == 0:
            table = file[at + 5 : at + 69]
            scale = 100 * statistics.median(step / standard for step, standard in zip(table, STANDARD_LUMA))
            return max(1, min(100, round(5000 / scale if scale > 100 else 100 - scale / 2)))
        at += 2 + length
    return 75


def jpegs_below(folder: Path, size: tuple[int, int] | None) -> list[Path]:
    """All JPEG files of one size, or of any."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg") or not path.is_file():
            continue
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(path.read_bytes(), strict=False)
        except ValueError as error:
            print(f"{path.name} is left out: {error}", file=sys.stderr)
            continue
        if size in (None, (width, height)):
            found.append(path)
    return found


def coding(path: Path) -> tuple[Path, str, str, int]:
    """A file, the colours and the sampling that its copy is coded in, and its quality."""
    file = path.read_bytes()
    grey = simplejpeg.decode_jpeg_header(file, strict=False)[2] == "Gray"
    return (path, *(("GRAY", "Gray") if grey else ("RGB", "420")), quality_of(file))


def recode(codings: list[tuple[Path, str, str, int]]) -> None:
    for path, space, sampling, quality in codings:
        pixels = simplejpeg.decode_jpeg(path.read_bytes(), colorspace=space, strict=False)
        simplejpeg.encode_jpeg(pixels, quality=quality, colorspace=space, colorsubsampling=sampling)


def recode_when_told(core: int, files: list[Path], gate) -> None:
    os.sched_setaffinity(0, {core})
    codings = [coding(path) for path in files]
    recode(codings[:2])
    gate.wait()
    recode(codings)
    gate.wait()


def measure_libjpeg_turbo(job: dict) -> dict:
    """One process on each core, which reads, decodes and encodes its share; nothing is written."""
    cores, files = job["cores"], [Path(path) for path in job["files"]]
    gate = multiprocessing.Barrier(len(cores) + 1)
    shares = [(core, files[at :: len(cores)], gate) for at, core in enumerate(cores)]
    processes = [multiprocessing.Process(target=recode_when_told, args=share) for share in shares]
    for process in processes:
        process.start()
    gate.wait()
    start = time.perf_counter()
    gate.wait()
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return {"images": len(files), "seconds": seconds}


def timed(command: list, cores: list[int], instructions: str = "") -> tuple[float, str]:
    start = time.perf_counter()
    pin = lambda: os.sched_setaffinity(0, cores)  # noqa: E731
    environment = {**os.environ, "SAFELIGHT_INSTRUCTIONS": instructions}
    ended = subprocess.run(command, preexec_fn=pin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    seconds = time.perf_counter() - start
    if ended.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))}\n{ended.stderr}")
    return seconds, ended.stdout


def measure_ingest(job: dict, effort: str) -> dict:
    """The whole process, from its start to its end: by then the vault is durable."""
    with tempfile.TemporaryDirectory(dir=job["scratch"]) as folder:
        command = [job["program"], "ingest", job["folder"], "--vault", f"{folder}/vault", "--pack", job["pack"], "--json", "--quiet"]
        command += ["--new", "--allow-duplicates", "--effort", effort, "--jobs", str(len(job["cores"]))]
        seconds, said = timed(command, job["cores"], job["instructions"])
    summary = json.loads(said)
    if summary["sealed"] != len(job["files"]):
        sys.exit(f"{summary['sealed']} of {len(job['files'])} pictures were sealed")
    return {"images": summary["sealed"], "seconds": seconds, "peak": summary["peak_rss_bytes"], "spliced": summary["spliced"]}


def measure_redact(job: dict) -> dict:
    """The whole process, with all copies written."""
    with tempfile.TemporaryDirectory(dir=job["scratch"]) as folder:
        command = [job["program"], "redact", job["folder"], "-o", f"{folder}/out", "--json", "--quiet", "--jobs", str(len(job["cores"]))]
        seconds, said = timed(command, job["cores"], job["instructions"])
    summary = json.loads(said)
    if summary["copies"] != len(job["files"]):
        sys.exit(f"{summary['copies']} of {len(job['files'])} pictures have copies")
    return {"images": summary["copies"], "seconds": seconds}


def measure_deface(job: dict) -> dict:
    """Its own command with its own defaults. What two pictures take is taken off: start and loading of the net."""
    seconds = []
    for count in (2, len(job["files"])):
        with tempfile.TemporaryDirectory(dir=job["scratch"]) as folder:
            files = [shutil.copy(path, folder) for path in job["files"][:count]]
            seconds.append(timed([VENV / "bin" / "deface", *files], job["cores"])[0])
            written = len(list(Path(folder).glob("*_anonymized*")))
        if written != count:
            sys.exit(f"deface wrote {written} of {count} pictures")
    return {"images": len(job["files"]) - 2, "seconds": seconds[1] - seconds[0]}


MEASURES = {
    "redact": measure_redact,
    **{f"ingest, {effort}": functools.partial(measure_ingest, effort=effort) for effort in ("fast", "normal", "thorough")},
    "libjpeg-turbo": measure_libjpeg_turbo,
    "deface": measure_deface,
}

# What can be held to a set of instructions.
OURS = ("redact", "ingest, fast", "ingest, normal", "ingest, thorough")


def instructions_of(program: Path) -> list[str]:
    """The sets that the program knows and this processor has, the best last: it names them when asked for another."""
    asked = subprocess.run([program, "inspect", "."], capture_output=True, text=True, env={**os.environ, "SAFELIGHT_INSTRUCTIONS": "none"})
    return re.search(r"this processor has ([a-z0-9, -]+)", asked.stderr)[1].split(", ")


def measured(peer: str, job: dict, under: list[str]) -> dict:
    """Runs a measurement in a process of its own, so that whatever `under` does to others spares it."""
    with tempfile.TemporaryDirectory(dir=job["scratch"]) as folder:
        wish, result = Path(folder) / "job.json", Path(folder) / "result.json"
        wish.write_text(json.dumps(job))
        subprocess.run([*under, sys.executable, __file__, "--measure", peer, wish, result], check=True)
        found = json.loads(result.read_text())
    found["rate"] = found["images"] / found["seconds"]
    with_these = f" with {job['instructions']}" if peer in OURS else ""
    print(f"{peer}{with_these}, cores {job['cores']}: {found['rate']:.1f} images/s", file=sys.stderr)
    return found


def site_pack(program: Path, folder: Path) -> Path:
    passphrase, custody, pack = folder / "passphrase", folder / "custody", folder / "site.pack"
    passphrase.write_text("a passphrase of the comparison\n")
    run = lambda *args: subprocess.run([program, "custody", *args, "--custody", custody, "--quiet"], check=True)  # noqa: E731
    run("init", "--passphrase-file", passphrase)
    run("pack", "--passphrase-file", passphrase, "--site", "peers", "-o", pack)
    return pack


def version_of_libjpeg_turbo() -> str:
    library = next(Path(simplejpeg.__file__).parent.glob("_jpeg*.so")).read_bytes()
    found = re.search(rb"libjpeg-turbo version ([0-9.]+)", library)
    return found[1].decode() if found else "of unknown version"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(files: list[Path], core_counts: list[int], sets: list[str], results: dict) -> str:
    """A column for each instruction set that Safelight was held to and each number of cores. Rates are medians; so are ratios, where
    each round has one."""
    mean = sum(path.stat().st_size for path in files) / len(files) / 1000
    words = {1: "one core", 2: "two cores"}
    columns = [(instructions, count) for instructions in sets for count in core_counts]
    heads = [f"{instructions}, {words.get(count, f'{count} cores')}" for instructions, count in columns]
    # Others choose their instructions themselves.
    runs = lambda peer, column: results.get((peer, column[1], column[0] if peer in OURS else None))  # noqa: E731
    rate = lambda peer, column: statistics.median(run["rate"] for run in runs(peer, column))  # noqa: E731
    lines = [f"| images a second; {len(files):,} pictures of {mean:.0f} KB, the same in each row; {processor()} | " + " | ".join(heads) + " |"]
    lines.append("|---|" + "--:|" * len(heads))
    ours = {
        "redact": "`safelight redact`: find, read, blank, and write a folder of copies",
        "ingest, normal": "`safelight ingest`: find, read, pseudonymise, blank, encrypt, commit",
        "ingest, fast": "… with `--effort fast`",
        "ingest, thorough": "… with `--effort thorough`",
    }
    for peer, words in ours.items():
        lines.append(f"| {words} | " + " | ".join(f"**{number(rate(peer, column))}**" for column in columns) + " |")
    days = [f"{rate('ingest, normal', column) * 0.0864:.1f} million" for column in columns]
    lines.append("| `safelight ingest`, a day | " + " | ".join(days) + " |")
    rows = {
        "libjpeg-turbo": f"libjpeg-turbo {version_of_libjpeg_turbo()}: decode and encode, and nothing else",
        "deface": f"deface {importlib.metadata.version('deface')}: find and blur faces, and nothing else",
    }
    shown = {peer: words for peer, words in rows.items() if any(runs(peer, column) for column in columns)}
    for peer, words in shown.items():
        rates = [number(rate(peer, column)) if runs(peer, column) else "" for column in columns]
        lines.append(f"| {words} | " + " | ".join(rates) + " |")
    for peer, effort in itertools.product(shown, ("fast", "normal")):
        ratios = []
        for column in columns:
            ours, theirs = runs(f"ingest, {effort}", column), runs(peer, column)
            if theirs is None:
                ratios.append("")
                continue
            if len(ours) == len(theirs):
                ratio = statistics.median(our["rate"] / their["rate"] for our, their in zip(ours, theirs))
            else:
                ratio = rate(f"ingest, {effort}", column) / rate(peer, column)
            ratios.append(f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.0f} ×")
        lines.append(f"| speed of `ingest --effort {effort}` over {peer}'s | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures; its JPEG files are taken")
    parser.add_argument("--size", help="only pictures of this size, as 1280x720")
    parser.add_argument("--count", type=int, help="take this many, each as often as need be")
    parser.add_argument("--cores", default="1,2", help="how many cores to use, one after the other")
    parser.add_argument("--instructions", default="", help="sets that Safelight is held to in turn, as avx2,avx512-vnni; the best alone otherwise")
    parser.add_argument("--rounds", type=int, default=3, help="turns of Safelight and libjpeg-turbo; deface has one")
    parser.add_argument("--deface-images", type=int, default=62, help="a sample for deface, which is slow; 0: without it")
    parser.add_argument("--under", default="", help="command under which each measurement runs")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/safelight")
    parser.add_argument("--scratch", type=Path, default=ROOT / "target", help="where vaults are written, and deleted")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        sys.exit("first: cargo build --release")
    size = tuple(map(int, arguments.size.split("x"))) if arguments.size else None
    found = jpegs_below(arguments.folder, size)
    if not found:
        sys.exit(f"no such JPEG files in {arguments.folder}")
    count = arguments.count or len(found)
    pictures = (found * math.ceil(count / len(found)))[:count]
    core_counts = sorted(int(count) for count in arguments.cores.split(","))
    available = sorted(os.sched_getaffinity(0))
    if max(core_counts) > len(available):
        sys.exit(f"there are {len(available)} cores")

    sets = arguments.instructions.split(",") if arguments.instructions else instructions_of(arguments.program)[-1:]
    results = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        folder = Path(scratch) / "pictures"
        folder.mkdir()
        files = [folder / f"{index:06}.jpg" for index in range(count)]
        for link, picture in zip(files, pictures):
            link.symlink_to(picture.resolve())
        job = {"scratch": scratch, "program": str(arguments.program.resolve()), "folder": str(folder)}
        job |= {"files": [str(path) for path in files], "pack": str(site_pack(arguments.program, Path(scratch)))}
        under = shlex.split(arguments.under)
        for cores in core_counts:
            job["cores"] = available[:cores]
            for _ in range(arguments.rounds):
                for instructions in sets:
                    for peer in OURS:
                        held = job | {"instructions": instructions}
                        results.setdefault((peer, cores, instructions), []).append(measured(peer, held, under))
                results.setdefault(("libjpeg-turbo", cores, None), []).append(measured("libjpeg-turbo", job, under))
        if arguments.deface_images:
            # On all cores only: the runtime of its net chooses its threads' cores itself.
            job["cores"], wanted = available, arguments.deface_images
            sample = job | {"files": job["files"][:: max(1, count // wanted)][:wanted]}
            results["deface", core_counts[-1], None] = [measured("deface", sample, under)]
        print(table(files, core_counts, sets, results))
    peaks = {cores: max(run["peak"] for run in results["ingest, normal", cores, sets[-1]]) for cores in core_counts}
    spliced = results["ingest, normal", core_counts[0], sets[-1]][0]["spliced"]
    told = ", ".join(f"{peak / 1e6:.0f} MB on {cores}" for cores, peak in peaks.items())
    print(f"\nPeak memory of Safelight: {told}. Spliced without decoding pixels: {spliced:,} of {count:,}.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        peer, wish, result = sys.argv[2:]
        Path(result).write_text(json.dumps(MEASURES[peer](json.loads(Path(wish).read_text()))))
    else:
        main()
