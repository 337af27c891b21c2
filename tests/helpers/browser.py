"""A page in headless Chromium, by the DevTools protocol: what it says on its console, what it asks for, and how it looks."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
    "--disable-dev-shm-usage",
]
SECONDS = 60  # that anything may take


def why_not() -> str:
    """Why there is no browser to be tested in; empty where there is one."""
    if not any(map(shutil.which, NAMES)):
        return "no Chromium; apt-get install chromium"
    try:
        import websocket  # noqa: F401
    except ImportError:
        return "no websocket-client, which comes with the extra test"
    return ""


class Browser:
    """A browser with one page. messages: what was said on the console or thrown; requests: addresses that were asked for."""

    def __init__(self, profile: Path) -> None:
        import websocket

        program = next(filter(None, map(shutil.which, NAMES)))
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.number = 0
        port = self._until(lambda: (profile / "DevToolsActivePort").read_text().split()[0], OSError)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            page = next(each for each in json.load(answer) if each["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=SECONDS)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def _until(self, ask, *faults):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                if found := ask():
                    return found
            except (IndexError, *faults):
                pass
            time.sleep(0.05)
        raise TimeoutError("the browser does not answer")

    def send(self, method: str, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv())
            if said.get("id") == self.number:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self._note(said.get("method"), said.get("params"))

    def _note(self, method, params) -> None:
        if method == "Runtime.consoleAPICalled":
            self.messages.append(" ".join(str(each.get("value", each.get("description"))) for each in params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(
                str(params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"]))
            )
        elif method == "Log.entryAdded":
            self.messages.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"][:200])

    def open(self, path: Path, width: int = 1440, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Opens a file, and waits until all of its charts are drawn."""
        self.messages.clear()
        self.requests.clear()
        self.look(width, height, dark, media)
        self.send("Page.navigate", url=path.resolve().as_uri())
        self._until(lambda: self.run("document.documentElement?.dataset.drawn === 'true'"))

    def look(self, width: int, height: int = 900, dark: bool = False, media: str = "") -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def run(self, script: str):
        """The value of an expression; a promise is waited for."""
        made = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in made, made["exceptionDetails"]
        return made["result"].get("value")

    def wait(self, script: str) -> None:
        """Until an expression is true."""
        self._until(lambda: self.run(script))

    def key(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode={"Enter": 13, "Tab": 9}.get(name, 0))

    def picture(self, path: Path) -> Path:
        """The whole page as PNG."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def print(self, path: Path) -> Path:
        """As PDF, on A4 as the style sheet says."""
        made = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(made["data"]))
        return path

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(SECONDS)
