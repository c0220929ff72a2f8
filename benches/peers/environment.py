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
