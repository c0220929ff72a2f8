"""Verifies an audit log (docs/audit-log.md) without any of Safelight's code: usage: audit.py FOLDER VKEY [EARLIER].

Prints the size and root; exits with a message on the first thing that is wrong.
"""

import base64, hashlib, sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def checkpoint(note, vkey):
    name, key_hash, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key)
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_hash, "the key's hash is wrong"
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, stamped = line.split(" ")
        stamped = base64.b64decode(stamped)
        if (dash, signer, stamped[:4].hex()) == ("\u2014", name, key_hash):
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(stamped[4:], text.encode())
            origin, size, root = text.splitlines()
            assert origin == name, "another log's checkpoint"
            return int(size), base64.b64decode(root)
    sys.exit("no signature by this key")


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def merkle(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle(hashes[:left]) + merkle(hashes[left:])).digest()


def tile(folder, kind, index, width):
    name = f"{index % 1000:03}"
    while index := index // 1000:
        name = f"x{index % 1000:03}/{name}"
    return (folder / "tile" / kind / (name if width == 256 else f"{name}.p/{width}")).read_bytes()


def tiles(folder, kind, count):
    return [tile(folder, kind, at // 256, min(256, count - at)) for at in range(0, count, 256)]


def entries(bundle):
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        assert end <= len(bundle), "a bundle is cut"
        yield bundle[2:end]
        bundle = bundle[end:]


def main(folder, vkey, earlier=None):
    folder, vkey = Path(folder), Path(vkey).read_text()
    size, root = checkpoint((folder / "checkpoint").read_text(), vkey)
    leaves = [leaf(entry) for bundle in tiles(folder, "entries", size) for entry in entries(bundle)]
    assert len(leaves) == size, "entries are missing"
    assert merkle(leaves) == root, "the entries do not give the hash that was signed"
    hashes, level = leaves, 0
    while hashes:
        assert b"".join(tiles(folder, str(level), len(hashes))) == b"".join(hashes), f"a tile of level {level} is wrong"
        hashes = [merkle(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
        level += 1
    if earlier:
        then, root_then = checkpoint(Path(earlier).read_text(), vkey)
        assert then <= size and merkle(leaves[:then]) == root_then, "the log does not continue the earlier checkpoint"
    print(size, root.hex())


main(*sys.argv[1:])
