#!/usr/bin/env python3
"""Load on `safelight serve`: requests, so many at a time, each with a picture of its own; p50, p99, and the service's memory.

    python3 tests/clients/load.py target/release/safelight PHOTOS [REQUESTS [AT A TIME]]
"""

import http.client
import subprocess
import sys
import threading
import time
from pathlib import Path

binary, folder = sys.argv[1:3]
requests, width = (int(number) for number in (sys.argv[3:] + ["200", "8"][len(sys.argv) - 3 :]))
pictures = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))]
service = subprocess.Popen([binary, "serve", "--quiet", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
address = service.stdout.readline().strip().removeprefix("http://").rstrip("/")


def memory(what):
    status = Path(f"/proc/{service.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


def ask(connection, path, body, kind):
    began = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    length = len(answer.read())
    assert answer.status == 200 and length, answer.status
    return time.perf_counter() - began


def run(path, many, kind="image/jpeg", form=lambda body: body):
    """Requests over `width` connections that stay open."""
    took, turns, lock = [], iter(range(many)), threading.Lock()

    def client():
        connection = http.client.HTTPConnection(address)
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            seconds = ask(connection, path, form(pictures[turn % len(pictures)]), kind)
            with lock:
                took.append(seconds)

    began = time.perf_counter()
    clients = [threading.Thread(target=client) for _ in range(width)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    elapsed = time.perf_counter() - began
    took.sort()
    p50, p99 = (1000 * took[min(len(took) - 1, int(len(took) * share))] for share in (0.5, 0.99))
    print(
        f"{path}: {many} requests, {width} at a time: {many / elapsed:.0f} a second; p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
        f"longest {1000 * took[-1]:.0f} ms; RSS {memory('VmRSS'):.0f} MB, at most {memory('VmHWM'):.0f} MB"
    )


def part(name, body):
    return f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'.encode() + body + b"\r\n"


try:
    run("/redact", 2 * width)
    run("/redact", requests)
    kind = "multipart/form-data; boundary=b"
    run("/blur/", requests, kind, lambda body: part("picture", body) + b"--b--\r\n")
    run("/v1/plate-reader/", requests, kind, lambda body: part("upload", body) + b"--b--\r\n")
    # Many over one connection.
    batch = b"".join(part("a", pictures[turn % len(pictures)]) for turn in range(min(requests, 100))) + b"--b--\r\n"
    seconds = ask(http.client.HTTPConnection(address), "/redact", batch, kind)
    print(f"/redact: a form of {min(requests, 100)} pictures over one connection: {min(requests, 100) / seconds:.0f} a second")
finally:
    service.terminate()
    assert service.wait(30) == 0
