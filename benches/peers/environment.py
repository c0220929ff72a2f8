"""A virtual environment of the comparisons' own, made at the first call from requirements.txt."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target" / "peers-venv"


def enter(script: str) -> None:
    """Goes on as `script` in the environment, which is made first if need be."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix) == VENV:
        return
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / "made-from"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "requirements.txt"]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)
    os.execv(python, [python, script, *sys.argv[1:]])


def processor() -> str:
    """What this runs on: the processor's name, its family and model, and of its vector instructions those that matter here."""
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = set(facts.get("flags", "").split())
    known = [flag for flag in ("avx2", "avx_vnni", "avx512f", "avx512_vnni") if flag in flags]
    return f"{facts.get('model name', 'unknown')}, family {facts.get('cpu family')} model {facts.get('model')}: {', '.join(known)}"
