"""Headless Chromium, driven by its debugging protocol over two pipes."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
TIMEOUT = 60  # seconds
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def find_chromium():
    """Return the path of Chromium or Chrome, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """A page in its own browser, with its log and its requests."""

    def __init__(self, executable, folder, *, width=1300, height=900, dark=False):
        (child_in, self._out), (self._in, child_out) = os.pipe(), os.pipe()
        options = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        options += ["--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={folder}", "about:blank"]
        import fcntl  # not on Windows

        # Chromium reads commands from file descriptor 3 and writes answers to 4.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (child_in, child_out)]
        command = [sys.executable, "-c", _START, *map(str, high), executable, *options]
        self._process = subprocess.Popen(command, pass_fds=high, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (child_in, child_out, *high):
            os.close(fd)
        self._buffer, self._number, self._session, self.events = b"", 0, None, []
        try:
            self._attach(width, height, dark)
        except BaseException:
            self.__exit__()
            raise

    def _attach(self, width, height, dark):
        target = next(each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page")[
            "targetId"
        ]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[theme])

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        os.close(self._out)  # Chromium ends when its pipe is closed
        os.close(self._in)
        self._process.wait(TIMEOUT)

    def call(self, method, **params):
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self):
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self._buffer:
            ready = select.select([self._in], [], [], max(end - time.monotonic(), 0))[0]
            received = os.read(self._in, 1 << 20) if ready else b""
            assert received, "no answer from the browser"
            self._buffer += received
        answer, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(answer)

    def open(self, url):
        """Open an address and wait until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def run(self, expression):
        """Return the value of an expression of JavaScript."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def settle(self):
        """Wait for two frames, after which observers have been called."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))")

    @property
    def problems(self):
        """Exceptions, errors and warnings of the console, and entries of the log such as violated policies."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event["params"] for event in self.events if event["method"] in kinds]

    @property
    def requests(self):
        """Addresses that the page requested."""
        sent = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def save_screenshot(self, path, *, height=None):
        """Save the visible part, or the page down to a height, as PNG."""
        clip = {}
        if height is not None:
            width = self.run("document.documentElement.clientWidth")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=height is not None, **clip)
        path.write_bytes(b64decode(picture["data"]))
