#!/usr/bin/env python3
"""A stranger's reader of Safelight vaults, written from docs/vault-format.md alone.

    reader.py VAULT --custody DIR --passphrase-file FILE [--second-passphrase-file FILE]
    reader.py VAULT --custody DIR --share FILE --share FILE …
    reader.py EXPORT --recipient partner.key [--passphrase-file FILE]

Prints one JSON object a capture: its catalogue record, and length and BLAKE3 of what the scene and the identity hold.
Every original that the given keys allow to restore is restored and compared with its BLAKE3.
It verifies everything that the format lets a reader verify, and stops at the first thing that is wrong.
"""

import argparse
import hashlib
import json
import struct
import sys
import unicodedata
from pathlib import Path

from blake3 import blake3
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

CAPABILITIES = ["catalogue", "scene", "identity"]
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
FIXED, ENTRY, TRAILER = 48, 1224, 32


class Malformed(Exception):
    pass


def must(condition, what):
    if not condition:
        raise Malformed(what)


# --- CBOR (RFC 8949), the part that the format uses ---------------------------------------------------------------


def cbor(data):
    value, rest = cbor_item(memoryview(data))
    return value


def cbor_item(data):
    must(len(data) > 0, "CBOR ends early")
    major, low = data[0] >> 5, data[0] & 31
    data = data[1:]
    if major == 7:
        must(low in (20, 21, 22), "CBOR simple value")
        return {20: False, 21: True, 22: None}[low], data
    if low < 24:
        number = low
    else:
        must(low <= 27, "CBOR of indefinite length")
        size = 1 << (low - 24)
        number, data = int.from_bytes(data[:size], "big"), data[size:]
    if major == 0:
        return number, data
    if major == 1:
        return -1 - number, data
    if major in (2, 3):
        must(len(data) >= number, "CBOR string ends early")
        raw, data = bytes(data[:number]), data[number:]
        return (raw if major == 2 else raw.decode("utf-8")), data
    if major == 4:
        items = []
        for _ in range(number):
            item, data = cbor_item(data)
            items.append(item)
        return items, data
    must(major == 5, "CBOR tag")
    pairs = {}
    for _ in range(number):
        key, data = cbor_item(data)
        pairs[key], data = cbor_item(data)
    return pairs, data


# --- Primitives -----------------------------------------------------------------------------------------------------


def opened(key, context, ciphertext):
    """Cobblestone-256 (c2sp.org/chunked-encryption)."""
    decryptor = Cobblestone256Decryptor(key, context)
    plain = decryptor.update(ciphertext)
    return plain + decryptor.finalize()


def x_wing(seed):
    """An X-Wing private key from its 32-byte seed: SHAKE256 to ML-KEM's 64-byte seed and X25519's 32 bytes."""
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])
    )


def public_bytes(private):
    expanded = hashlib.shake_256(private).digest(96)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    return ml_kem + X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()


def key_id(private):
    return blake3(public_bytes(private), derive_key_context="safelight v1 key id").digest(16)


def padded_len(length):
    length = max(length, 1)
    if length >= 2:
        exponent = length.bit_length() - 1
        shown = exponent.bit_length()  # floor(log2(exponent)) + 1, and 0 for exponent 0
        step = 1 << max(exponent - shown, 0)
        length = -(-length // step) * step
    return -(-length // 65536) * 65536


def base32(sixteen):
    number = int.from_bytes(sixteen, "big") << 2
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(number >> shift) & 31] for shift in range(125, -1, -5))


# --- Key files ------------------------------------------------------------------------------------------------------


def keyring_keys(folder, credential, second):
    """All private keys of a keyring that the credentials open, by key id; its verifying key and its policy."""
    data = (Path(folder) / "keyring").read_bytes()
    must(data[:8] == b"SLKEY\r\n\x1a", "not a keyring")
    version, suite, slots_len = struct.unpack_from("<HHI", data, 8)
    must((version, suite) in [(1, 1), (2, 1)], "keyring of another version")
    custody = data[16:32]
    head, sealed = data[: 40 + slots_len], data[40 + slots_len :]
    slots = cbor(head[40:])
    keyring_key = guarded_key(slots, 0, credential, custody)
    body = cbor(opened(keyring_key, b"safelight v1 keyring body\0" + blake3(head).digest(), sealed))
    verifying = Ed25519PrivateKey.from_private_bytes(body[0]).public_key().public_bytes_raw()
    must(custody == blake3(verifying, derive_key_context="safelight v1 custody id").digest(16), "custody id")
    keys = {bucket[1]: bucket[5] for bucket in body[5] if bucket.get(5)}
    lock = None
    if second:
        public, sealed_seed = body[16][0], body[16][1]
        second_key = guarded_key(slots, 1, second, custody)
        lock = x_wing(opened(second_key, b"safelight v1 identity lock\0" + custody + public, sealed_seed))
        for bucket in body[5]:
            if locked := bucket.get(16):
                info = b"safelight v1 locked bucket\0" + custody + bucket[0] + bucket[1]
                keys[bucket[1]] = SUITE.decrypt(locked[1], lock, info=info)
                must(public_bytes(keys[bucket[1]]) == locked[0], "locked bucket's public key")
    must(all(key_id(private) == name for name, private in keys.items()), "key id")
    for epoch in body[4]:
        epoch_keys(epoch, body, version, custody, lock)
    return keys, verifying, body[3]


def epoch_keys(epoch, body, version, custody, lock):
    """The keys for plates and faces of a pseudonym epoch; None while they are locked, and after they were destroyed."""
    if version == 1:
        root = body[1] + bytes(16) + struct.pack("<I", epoch[0])
        return [blake3(root, derive_key_context=f"safelight v1 {kind} pseudonyms").digest() for kind in ("plate", "face")]
    keys = epoch.get(4)
    if (locked := epoch.get(16)) and lock:
        info = b"safelight v1 locked epoch\0" + custody + struct.pack("<I", epoch[0])
        keys = opened(SUITE.decrypt(locked[:1168], lock, info=info), info, locked[1168:])
    must((keys or locked) is not None or epoch.get(8), "an epoch without keys that were not destroyed")
    must(keys is None or len(keys) == 64, "an epoch's keys")
    return keys and [keys[:32], keys[32:]]


def stretched(passphrase, parameters):
    """The key that a passphrase gives with a slot's or a file's parameters."""
    (cost, salt) = (parameters[n] for n in range(2))
    argon = Argon2id(salt=salt, length=32, iterations=cost[1], lanes=cost[2], memory_cost=cost[0])
    return argon.derive(passphrase)


def passphrase_in(path):
    """A passphrase as a file holds it: without a byte order mark before and line ends behind it, composed."""
    text = Path(path).read_bytes().decode("utf-8-sig").rstrip("\r\n")
    return unicodedata.normalize("NFC", text).encode()


def guarded_key(slots, role, credential, custody):
    """What the first slot of that role guards which the credential, a passphrase or shares, opens."""
    for slot in slots:
        if slot.get(6, 0) != role:
            continue
        kind, slot_id, parameters, wrapped = (slot[n] for n in range(4))
        if kind == 1 and isinstance(credential, bytes):
            slot_key = stretched(credential, cbor(parameters))
        elif kind == 2 and isinstance(credential, list):
            slot_key = from_shares(credential, cbor(parameters), custody, slot_id)
        else:
            continue
        name = custody + struct.pack("<I", kind) + slot_id
        try:
            if 5 not in slot:
                return opened(slot_key, b"safelight v1 keyring slot\0" + name + parameters, wrapped)
            public, sealed_seed = slot[5][0], slot[5][1]
            context = b"safelight v1 slot private half\0" + name + bytes([role]) + public + parameters
            seed = opened(slot_key, context, sealed_seed)
        except Exception:  # Another holder's.
            continue
        must(public_bytes(seed) == public, "slot's public key")
        return SUITE.decrypt(wrapped, x_wing(seed), info=b"safelight v1 slot envelope\0" + name + bytes([role]))
    raise Malformed("no slot opens")


def times(a, b, modulus):
    """Product in a field of characteristic 2."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = a << 1, b >> 1
        if a.bit_length() == modulus.bit_length():
            a ^= modulus
    return product


def share(text):
    """A share's 60 bytes from the text that its six lines stand in."""
    data = b""
    for number in range(1, 7):
        (line,) = (line for line in text.splitlines() if line.startswith(f"{number}  "))
        word = [number] + ["0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c) for c in line[1:].replace(" ", "")]
        weight, sums = 1, [0, 0]
        for symbol in word:
            sums = [sums[0] ^ symbol, sums[1] ^ times(symbol, weight, 0b100101)]
            weight = times(weight, 2, 0b100101)
        must(len(word) == 19 and sums == [0, 0], f"line {number} of a share is mistyped")
        bits = 0
        for symbol in word[1:17]:
            bits = bits << 5 | symbol
        data += bits.to_bytes(10, "big")
    must(data[0] == 1, "share of another version")
    must(data[56:] == blake3(data[:56], derive_key_context="safelight v1 share checksum").digest(4), "share's checksum")
    return data


def from_shares(shares, parameters, custody, slot_id):
    threshold, fingerprints = parameters[0], parameters[1]
    points = {}
    for data in shares:
        if data[4:24] == custody[:10] + slot_id[:10]:
            index, value = data[3], data[24:56]
            material = custody + slot_id + bytes([index]) + value
            fingerprint = blake3(material, derive_key_context="safelight v1 share fingerprint").digest(16)
            must(fingerprint == fingerprints[index - 1], f"share {index} is altered")
            points[index] = value
    must(len(points) >= threshold, "too few shares")
    points = dict(list(points.items())[:threshold])
    key = bytearray(32)
    for x, value in points.items():
        weight = 1
        for other in points:
            if other != x:
                inverse = next(i for i in range(1, 256) if times(i, other ^ x, 0x11D) == 1)
                weight = times(weight, times(other, inverse, 0x11D), 0x11D)
        key = bytearray(k ^ times(weight, v, 0x11D) for k, v in zip(key, value))
    return bytes(key)


def recipient_keys(path, passphrase):
    data = Path(path).read_bytes()
    must(data[:8] == b"SLSEC\r\n\x1a" and data[10:12] == b"\x01\0", "not a recipient's private key")
    must(blake3(data[:-32]).digest() == data[-32:], "key file damaged")
    version, content = struct.unpack_from("<H", data, 8)[0], data[12:-32]
    if version == 1:
        private = content
    else:
        must(version == 2, "key file of another version")
        claimed, length = content[:16], struct.unpack_from("<H", content, 16)[0]
        key = stretched(passphrase, cbor(content[18 : 18 + length]))
        private = opened(key, b"safelight v1 recipient key\0" + data[8:12] + claimed, content[18 + length :])
        must(key_id(private) == claimed, "key file's claim")
    must(len(private) == 32, "private key's length")
    return {key_id(private): private}


# --- The vault ------------------------------------------------------------------------------------------------------


def card(vault):
    data = (vault / "vault").read_bytes()
    must(data[:8] == b"SLVLT\r\n\x1a", "not a vault")
    version, suite, kind, zero = struct.unpack_from("<HHHH", data, 8)
    must(version in (1, 2) and suite == 1 and kind in (0, 1) and zero == 0, "vault of another version")
    must(len(data) == (96 if version == 1 else 256), "card's length")
    must(blake3(data[:-32]).digest() == data[-32:], "vault's card damaged")
    custodian = data[32:64]
    if version == 2:
        signer, certificate, signature = data[64:96], data[96:160], data[160:224]
        word = b"safelight v1 signer of %s cards\0" % (b"export" if kind else b"site") + blake3(signer).digest()
        Ed25519PublicKey.from_public_bytes(custodian).verify(certificate, word)
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, b"safelight v1 card\0" + blake3(data[:160]).digest())
    return data[16:32], custodian, kind == 1


def segment_sections(path, vault_id, keys):
    """The open sections of a segment, by capability."""
    data = path.read_bytes()
    must(data[:8] == b"SLSEG\r\n\x1a", "not a segment")
    version, suite, header_len, count, zero = struct.unpack_from("<HHHBB", data, 8)
    must((version, suite, zero) == (1, 1, 0), "segment of another version")
    must(1 <= count <= 3 and header_len == FIXED + count * ENTRY, "header length")
    header, segment_id = data[:header_len], data[32:48]
    must(data[16:32] == vault_id, "segment of another vault")
    must(base32(segment_id) == path.name, "segment's name")
    must(blake3(data[:-TRAILER]).digest() == data[-TRAILER:], "segment's trailer")
    sections, end, last = {}, header_len, -1
    for at in range(FIXED, header_len, ENTRY):
        capability, reserved, bucket, key = struct.unpack_from("<B7s16s16s", header, at)
        enc, wrapped, offset, length = struct.unpack_from("<1120s48sQQ", header, at + 40)
        must(last < capability < 3 and reserved == bytes(7), "header entry")
        must(offset == end, "section's offset")
        last, end = capability, offset + length
        if key not in keys:
            continue
        info = b"safelight v1 envelope\0" + struct.pack("<H", suite) + vault_id + segment_id
        info += bytes([capability]) + bucket + key
        section_key = SUITE.decrypt(enc + wrapped, x_wing(keys[key]), info=info)
        context = b"safelight v1 section\0" + bytes([capability]) + blake3(header).digest()
        sections[CAPABILITIES[capability]] = records(opened(section_key, context, data[offset:end]))
    must(end + TRAILER == len(data), "segment's length")
    return sections


def records(section):
    """A section's records, by capture id, in order."""
    count, zero = struct.unpack_from("<II", section)
    end = 8 + 32 * count
    must(zero == 0 and end <= len(section), "section's index")
    found = {}
    for at in range(8, end, 32):
        capture, offset, length = struct.unpack_from("<16sQQ", section, at)
        must(offset == sum(map(len, found.values())) + 8 + 32 * count, "record's offset")
        must(capture not in found, "two records of one capture")
        found[capture] = section[offset : offset + length]
        must(len(found[capture]) == length, "record's length")
    used = 8 + 32 * count + sum(map(len, found.values()))
    must(len(section) == padded_len(used) and not any(section[used:]), "padding")
    decoded = {capture: cbor(record) for capture, record in found.items()}
    must(all(record[0] == capture for capture, record in decoded.items()), "record's id")
    return decoded


def journal_segments(path, vault_id):
    """Segments that a journal says are committed. Needs no key: the chain is a plain hash."""
    data = path.read_bytes()
    must(data[:16] == b"SLJRN\r\n\x1a\x01\0\x01\0" + bytes(4), "not a journal")
    must(data[16:32] == vault_id and base32(data[32:48]) == path.name, "journal's name")
    must(blake3(data[:48]).digest() == data[48:80], "journal's header")
    chain, at, committed, pending = blake3(data[:80]).digest(), 80, {}, None
    while at < len(data):
        kind, count = struct.unpack_from("<II", data, at)
        end = at + 56 + 16 * count
        segment, trailer = data[at + 8 : at + 24], data[at + 24 : at + 56]
        chain = blake3(chain + data[at:end]).digest()
        must(chain == data[end : end + 32], "journal's chain")
        if pending and kind != 3:
            committed[pending[0]] = pending[1]
        pending = (segment, trailer) if kind == 1 else None
        if kind in (2, 4):
            committed[segment] = trailer
        at = end + 64
    return committed


def removed_segments(path, vault_id, custodian):
    """Segments that a tombstone says were removed, because nothing in them can be opened any more."""
    data = path.read_bytes()
    must(data[:12] == b"SLTMB\r\n\x1a\x01\0\x01\0", "not a tombstone")
    must(data[16:32] == vault_id and base32(data[32:48]) == path.name, "tombstone's name")
    must(struct.unpack_from("<I", data, 12)[0] == len(data) - 48 - 64, "tombstone's length")
    message = b"safelight v1 tombstone\0" + blake3(data[:-64]).digest()
    Ed25519PublicKey.from_public_bytes(custodian).verify(data[-64:], message)
    content = cbor(data[48:-64])
    must(content[3] == b"".join(sorted(content[3][at : at + 8] for at in range(0, len(content[3]), 8))), "digests")
    return {segment[0] for segment in content[2] if segment[2]}


def manifest_segments(path, vault_id, keys, custodian):
    """The segments that an export consists of, with their trailers; the custodian's signature is verified."""
    data = path.read_bytes()
    must(data[:12] == b"SLMAN\r\n\x1a\x01\0\x01\0" and data[12:28] == vault_id, "not this export's manifest")
    must(data[28:44] in keys, "manifest for another recipient")
    key = SUITE.decrypt(data[44:1212], x_wing(keys[data[28:44]]), info=data[:44])
    plain = opened(key, data[:1212], data[1212:])
    content, padding = cbor_item(memoryview(plain)[64:])
    must(not any(padding) and len(plain) == padded_len(len(plain) - len(padding)), "manifest's padding")
    signed = data[12:44] + plain[64 : len(plain) - len(padding)]
    message = b"safelight v1 export manifest\0" + blake3(signed).digest()
    Ed25519PublicKey.from_public_bytes(custodian).verify(plain[:64], message)
    return {segment[0]: segment[1] for segment in content[5]}


# --- Originals ------------------------------------------------------------------------------------------------------


def original(method, scene, removed):
    """The original file; None for a method that needs a scene where there is none, or that is not known."""
    if method == 0:
        return removed
    return spliced_original(scene, removed) if method == 1 and scene is not None else None


class Numbers:
    """Reads what was removed from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, count):
        self.at += count
        must(self.at <= len(self.data), "removed bytes end early")
        return self.data[self.at - count : self.at]

    def number(self):
        value, shift = 0, 0
        while True:
            (byte,) = self.bytes(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                must((byte > 0 or shift == 7) and value <= 1 << 33, "number")
                return value
            must(shift < 63, "number")


def spliced_original(scene, removed):
    """Method 1: the scene, with the bits that were cut out of its scan and all that was not picture put back."""
    numbers = Numbers(removed)
    must(numbers.bytes(1) == b"\1", "removed bytes of another version")
    length = numbers.number()
    must(length <= 1 << 30, "original's length")
    must(numbers.number() == len(scene), "another scene")
    scan_start = numbers.number()
    must(scan_start <= len(scene) - 2, "scene's scan")
    out = bytearray()
    for _ in range(numbers.number()):
        piece = numbers.number()
        if piece & 1:
            offset = numbers.number()
            must(offset + (piece >> 1) <= len(scene), "piece of the scene")
            out += scene[offset : offset + (piece >> 1)]
        else:
            out += numbers.bytes(piece >> 1)
        must(len(out) <= length, "original's length")
    intervals = scan_intervals(scene[scan_start:-2])
    listed, next_listed = {}, 0
    for _ in range(numbers.number()):
        next_listed += numbers.number()
        must(next_listed < len(intervals), "interval's number")
        listed[next_listed] = original_interval(intervals[next_listed], numbers)
        next_listed += 1
    for number, interval in enumerate(intervals):
        if number:
            out += bytes([0xFF, 0xD0 + (number - 1) % 8])
        out += listed.get(number, interval)
    out += numbers.data[numbers.at :]
    must(len(out) == length, "original's length")
    return bytes(out)


def scan_intervals(scan):
    """What lies between restart markers, stuffing included."""
    intervals, start, at = [], 0, scan.find(b"\xff")
    while at >= 0:
        must(at + 1 < len(scan) and (scan[at + 1] == 0 or 0xD0 <= scan[at + 1] <= 0xD7), "scene's scan")
        if scan[at + 1]:
            intervals.append(scan[start:at])
            start = at + 2
        at = scan.find(b"\xff", at + 2)
    return intervals + [scan[start:]]


def original_interval(stuffed, numbers):
    """One interval of the scan, with its edits undone."""
    scene = stuffed.replace(b"\xff\0", b"\xff")
    # Triples of bits: the same in both, only in the scene, only in the original.
    edits = [tuple(numbers.number() for _ in range(3)) for _ in range(numbers.number())]
    same, behind, fill = (numbers.number() for _ in range(3))
    edits.append((same, 0, behind))
    must(sum(edit[0] + edit[1] for edit in edits) <= 8 * len(scene), "edits go beyond the scene")
    put_in = numbers.bytes((sum(edit[2] for edit in edits) + 7) // 8)
    bits, count, scene_at, original_at = 0, 0, 0, 0
    for same, left_out, original_bits in edits:
        bits = bits << same | cut(scene, scene_at, same)
        bits = bits << original_bits | cut(put_in, original_at, original_bits)
        count += same + original_bits
        scene_at += same + left_out
        original_at += original_bits
    must(count % 8 == 0, "interval's length")
    return bits.to_bytes(count // 8, "big").replace(b"\xff", b"\xff\0") + b"\xff" * fill


def cut(data, start, count):
    """`count` bits from bit `start` on, as a number."""
    end = start + count
    whole = int.from_bytes(data[start // 8 : (end + 7) // 8], "big")
    return (whole >> (-end % 8)) & ((1 << count) - 1)


# --- Output ---------------------------------------------------------------------------------------------------------


def shown(catalogue):
    regions = [
        {
            "kind": region[0],
            "bounds": region[1],
            "score": region[2],
            "pseudonyms": [[base32(p[0]), p[1]] for p in region[3]],
            "blank": region.get(4),
        }
        for region in catalogue[10]
    ]
    names = {1: "status", 2: "captured_at", 3: "site", 4: "lane", 5: "direction", 6: "class", 7: "width", 8: "height", 9: "epoch", 11: "sealed_by"}
    digests = {name: catalogue[number].hex() if catalogue.get(number) else None for number, name in {12: "original", 13: "scene"}.items()}
    return {name: catalogue.get(number) for number, name in names.items()} | {"regions": regions} | digests


def digest(data):
    return {"bytes": len(data), "blake3": blake3(data).hexdigest()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vault", type=Path)
    parser.add_argument("--custody")
    parser.add_argument("--passphrase-file")
    parser.add_argument("--share", action="append")
    parser.add_argument("--second-passphrase-file")
    parser.add_argument("--recipient")
    args = parser.parse_args()
    passphrase = lambda path: path and passphrase_in(path)
    if args.recipient:
        keys, trusted = recipient_keys(args.recipient, passphrase(args.passphrase_file)), None
    else:
        shares = [share(Path(path).read_text("utf-8")) for path in args.share or []]
        credential = shares or passphrase(args.passphrase_file)
        keys, trusted, _ = keyring_keys(args.custody, credential, passphrase(args.second_passphrase_file))
    vault_id, custodian, is_export = card(args.vault)
    must(trusted in (None, custodian), "vault of another custodian")
    committed = {}
    if is_export:
        committed = manifest_segments(args.vault / "manifest", vault_id, keys, custodian)
    else:
        for path in sorted((args.vault / "journals").iterdir()):
            committed |= journal_segments(path, vault_id)
    removed = set()
    for path in sorted((args.vault / "tombstones").glob("*")):
        removed |= removed_segments(path, vault_id, custodian)
    missing = [base32(s) for s in committed.keys() - removed if not (args.vault / "segments" / base32(s)).exists()]
    must(not missing, f"missing segments {missing}")
    for path in sorted((args.vault / "segments").iterdir()):
        sections = segment_sections(path, vault_id, keys)
        trailer = path.read_bytes()[-TRAILER:]
        must(trailer in committed.values(), "segment that neither a journal nor a manifest names")
        for capture, catalogue in sections.get("catalogue", {}).items():
            line = {"id": base32(capture), "segment": path.name, "catalogue": shown(catalogue)}
            if scene := sections.get("scene", {}).get(capture):
                line["scene"] = {"media_type": scene[1]} | digest(scene[2])
            if identity := sections.get("identity", {}).get(capture):
                file = original(identity[3], scene and scene[2], identity[4])
                must(file is None or blake3(file).digest() == identity[2], "original's hash")
                line["identity"] = digest(identity[4]) | {
                    "source_name": identity[1].hex(),
                    "original_blake3": identity[2].hex(),
                    "method": identity[3],
                    "restored": file is not None,
                    "plates": [[plate[0], plate[1]] for plate in identity[5]],
                }
            print(json.dumps(line))


if __name__ == "__main__":
    try:
        main()
    except Malformed as malformed:
        sys.exit(f"malformed: {malformed}")
