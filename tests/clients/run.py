#!/usr/bin/env python3
"""Runs other people's clients, unmodified, against `safelight serve`.

    pip install -r tests/clients/requirements.txt
    python3 tests/clients/run.py target/debug/safelight

- Panoramax: `createBlurredHDPicture` of the package geovisio, by which its workers have pictures blurred.
- Plate Recognizer: its own `plate_recognition.py`, if the folder CLIENTS (an environment variable) has it.
- Frigate: the `index.py` of frigate_plate_recognizer 1.8, if CLIENTS has it and mosquitto is installed, between a broker and a
  stand-in for Frigate's HTTP API.

The last two are in no package registry, and are not copied here. What is missing is named and skipped.
"""

import contextlib
import http.server
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

binary = Path(sys.argv[1]).resolve()
clients = Path(os.environ.get("CLIENTS", "clients"))
scratch = Path(tempfile.mkdtemp(prefix="safelight-clients-"))
done, skipped = [], []


@contextlib.contextmanager
def serve(*args):
    command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--quiet", *args]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield service.stdout.readline().strip().rstrip("/")
    finally:
        service.terminate()
        assert service.wait(30) == 0


def photographs():
    """Drawn photographs, and the plates that are read on them."""
    folder = scratch / "photos"
    subprocess.run([binary, "simulate", "--quiet", "-n", "8", "--seed", "5", "--out", folder], check=True)
    lines = subprocess.run([binary, "inspect", "--json", folder], check=True, capture_output=True, text=True).stdout
    read = {}
    for line in map(json.loads, lines.splitlines()):
        texts = [region["text"] for region in line["regions"] if "text" in region]
        read[folder / line["path"]] = texts
    return read


def shown(title, text, most=1500):
    print(f"\n== {title}\n{text if len(text) <= most else text[:most] + ' …'}", flush=True)


def panoramax(read):
    try:
        import geovisio
        import opendal
        from geovisio.utils.pictures import createBlurredHDPicture
    except ImportError as missing:
        skipped.append(f"Panoramax: {missing}")
        return
    from importlib.metadata import version

    from PIL import Image

    with serve() as url:
        for path in list(read)[:4]:
            # As a telephone writes it: on its side, with words.
            picture = Image.open(path)
            exif = picture.getexif()
            exif[0x010F], exif[0x0112], exif[0x013B] = "Acme", 6, "Jo"
            exif.get_ifd(0x8769)[0x927C] = b"PRIVATE" * 20
            sideways = io.BytesIO()
            picture.transpose(Image.Transpose.ROTATE_90).save(sideways, "JPEG", quality=92, exif=exif)
            fs = opendal.Operator("memory")
            blurred = createBlurredHDPicture(fs, url, sideways.getvalue(), "/blurred.jpg")
            assert blurred.image.size == picture.size, (blurred.image.size, picture.size)
            found = blurred.image.getexif()
            assert found[0x010F] == "Acme" and found[0x0112] == 1 and found[0x013B] == "Jo", dict(found)
            assert b"PRIVATE" not in fs.read("/blurred.jpg")
            assert blurred.metadata["annotations"] == [] and "blurring_id" not in blurred.metadata
            classes = [region["class"] for region in blurred.metadata["info"]]
            shown(
                f"geovisio {version('geovisio')}: createBlurredHDPicture(fs, {url!r}, …, '/blurred.jpg')",
                f"{blurred.image.size} JPEG, upright, Make {found[0x010F]!r}; blanked: {classes}",
            )
        import requests

        try:
            createBlurredHDPicture(opendal.Operator("memory"), url, b"no picture", "/blurred.jpg")
            raise AssertionError("what is no picture was blurred")
        except requests.HTTPError as error:
            shown("geovisio, of what is no picture", str(error))
            assert error.response.status_code == 400
    done.append("Panoramax")


def plate_recognizer(read):
    script = clients / "plate_recognition.py"
    if not script.exists():
        skipped.append(f"Plate Recognizer: there is no {script}")
        return
    files = [str(path) for path, texts in read.items() if texts][:3]
    texts = [text.lower() for file in files for text in read[Path(file)]]
    for args in (["--clear-text"], []):
        with serve(*args) as url:
            command = [sys.executable, str(script), "-s", url, "--camera-id", "gate", "-r", "gb"]
            out = subprocess.run(command + files, check=True, capture_output=True, text=True).stdout
            shown(" ".join(["serve", *args, "|", "plate_recognition.py -s", url, "--camera-id gate -r gb", "…"]), out)
            plates = [result["plate"] for answer in json.loads(out) for result in answer["results"]]
            assert plates
            if args:
                assert sorted(plates) == sorted(texts), (plates, texts)
            else:
                assert all(plate.startswith("pl-") and len(plate) <= 20 for plate in plates), plates
            # All of its ways to show results.
            more = ["--format", "csv", "-o", str(scratch / "out.csv"), "--crop-lp", str(scratch / "crops"), "--mmc"]
            subprocess.run(command + more + files, check=True)
            assert len(list((scratch / "crops").iterdir())) >= len(set(plates))
            split = ["--split-image", "--split-x", "1", "--split-y", "1"]
            subprocess.run(command + split + files[:1], check=True, capture_output=True)
            shown("out.csv", (scratch / "out.csv").read_text(), 600)
            shutil.rmtree(scratch / "crops")
    done.append("Plate Recognizer")


class Frigate(http.server.BaseHTTPRequestHandler):
    """As much of Frigate as a recogniser asks for: a snapshot of an event, and its label."""

    picture, labels = b"", []

    def do_GET(self):
        assert self.path.startswith("/api/events/"), self.path
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.picture)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.labels.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def frigate(read):
    script = clients / "index.py"
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not script.exists() or not mosquitto:
        skipped.append(f"Frigate: there is no {'mosquitto' if script.exists() else script}")
        return
    try:
        import paho.mqtt.client as mqtt
        import requests
        import yaml
    except ImportError as missing:
        skipped.append(f"Frigate: {missing}")
        return
    with socket.socket() as free:
        if free.connect_ex(("127.0.0.1", 1883)) == 0:
            skipped.append("Frigate: port 1883, which its recogniser asks for, is in use")
            return
    # The recogniser's folders are at the root, and only a container has them to itself.
    if Path("/config").exists() or Path("/plates").exists() or os.geteuid() != 0:
        skipped.append("Frigate: /config and /plates cannot be made here")
        return
    path = next(path for path, texts in read.items() if len(texts) == 1)
    Frigate.picture = path.read_bytes()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Frigate)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    broker = subprocess.Popen([mosquitto, "-p", "1883"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    custody = ["--custody", str(scratch / "custody")]
    passphrase = scratch / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    secret = ["--passphrase-file", str(passphrase)]
    pack = str(scratch / "site.pack")
    subprocess.run([binary, "custody", "init", "--quiet", *custody, *secret], check=True, capture_output=True)
    subprocess.run(
        [binary, "custody", "pack", "--quiet", *custody, *secret, "--site", "Gate", "-o", pack], check=True, capture_output=True
    )
    recogniser = None
    try:
        with serve("--pack", pack) as url:
            # Who keeps a list of plates to watch for keeps their pseudonyms.
            answer = requests.post(f"{url}/v1/plate-reader/", files={"upload": Frigate.picture}).json()["results"][0]
            config = {
                "frigate": {
                    "frigate_url": f"http://127.0.0.1:{web.server_port}",
                    "mqtt_server": "127.0.0.1",
                    "mqtt_auth": False,
                    "main_topic": "frigate",
                    "return_topic": "plate_recognizer",
                    "camera": ["driveway"],
                    "objects": ["car"],
                    "min_score": 0.5,
                    "watched_plates": [answer["plate"]],
                },
                "plate_recognizer": {"token": "anything", "regions": ["gb"], "api_url": f"{url}/v1/plate-reader"},
                "logger_level": "DEBUG",
            }
            Path("/config").mkdir()
            Path("/config/config.yml").write_text(yaml.safe_dump(config))
            log = scratch / "recogniser.log"
            recogniser = subprocess.Popen([sys.executable, str(script)], stdout=log.open("w"), stderr=subprocess.STDOUT)
            heard = []
            client = mqtt.Client("test")
            client.on_message = lambda _client, _data, message: heard.append(json.loads(message.payload))
            client.connect("127.0.0.1")
            client.subscribe("frigate/plate_recognizer")
            client.loop_start()
            state = {"id": "e1", "camera": "driveway", "label": "car", "current_zones": [], "start_time": time.time()}
            event = {"type": "new", "before": {**state, "top_score": 0.5}, "after": {**state, "top_score": 0.9}}
            for _ in range(60):
                # It takes no notice of the first message that it hears.
                client.publish("frigate/events", json.dumps(event))
                time.sleep(0.5)
                if heard:
                    break
            recogniser.terminate()
            recogniser.wait(10)
            shown(f"python index.py (api_url: {url}/v1/plate-reader)", log.read_text(), 4000)
            shown("label at Frigate, and message", f"{Frigate.labels[0]}\n{heard[0]}")
            label = Frigate.labels[0][1]["subLabel"]
            assert label == answer["plate"].upper() == heard[0]["plate_number"]
            whole = answer["pseudonym"]
            assert whole.startswith(label) and "Recognised plate is a Watched Plate" in log.read_text()
            assert read[path][0].lower() not in log.read_text().lower()
    finally:
        for process in (recogniser, broker):
            if process and process.poll() is None:
                process.terminate()
        web.shutdown()
        for folder in ("/config", "/plates"):
            shutil.rmtree(folder, ignore_errors=True)
    done.append("Frigate")


try:
    drawn = photographs()
    panoramax(drawn)
    plate_recognizer(drawn)
    frigate(drawn)
finally:
    shutil.rmtree(scratch)
print()
for what in skipped:
    print(f"skipped: {what}")
print(f"clients that work: {', '.join(done) or 'none was there'}")
