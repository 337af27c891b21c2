"""Downloads that go on where they were broken off, and that are what their publisher says. pooch looks at checksums and puts a file in its
place when it is whole; what it does not do, asking a server for the rest of a file, is here."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mirbench.engine.files import tell
from mirbench.errors import MirbenchError, describe, printable, shortened
from mirbench.progress import progress_bar

TRIES = 5  # in a row that bring nothing
WAIT_SECONDS = 2.0  # before the second try, twice as long before each further one
TIMEOUT_SECONDS = (15, 60)  # to connect, and between two pieces
PIECE = 1 << 20  # bytes
BUSY = (408, 425, 429)  # and 500 and more: to be asked again
SAME = "the same command goes on from there"


def download(url: str, path: Path, checksum: str, shown: str) -> None:
    """The file of an address, as a whole and as it is published, where it is not there already. checksum: such as `md5:...`, or nothing.
    shown: what the bar says.

    What is there of a download that was broken off lies beside the file, as NAME.part, with a note of which file of the server it is of.
    Raises MirbenchError where it cannot be had or is of other content.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")  # bars and sentences are ours
    try:
        pooch.retrieve(url, checksum or None, fname=path.name, path=path.parent, downloader=Resuming(path, shown))
    except ValueError as error:  # what pooch raises for another checksum, after it has removed the file
        told = " ".join(str(error).partition(":")[2].partition(" Deleted")[0].split()).removesuffix(".")
        raise MirbenchError(
            f"{url} is of other content than its publisher states: {told}; it was removed, so run the command again, and "
            "if it is so again, ask its publisher."
        ) from error


class Resuming:
    """A downloader, as pooch calls it. path: where the file will lie, beside which its parts are kept."""

    def __init__(self, path: Path, shown: str) -> None:
        self.part, self.note, self.shown = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json"), shown

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        from requests import RequestException

        failed, seen = 0, -1
        while True:
            try:
                if self._bring(url):
                    break
                why = "the connection was broken off"
            except RequestException as error:
                why = in_words(error)
            failed, seen = (failed + 1 if self._size() <= seen else 1), max(seen, self._size())
            if failed >= TRIES:
                raise MirbenchError(f"{url} cannot be had now ({why}); what is there of it is kept, and {SAME}.")
            time.sleep(WAIT_SECONDS * 2 ** (failed - 1))
        os.replace(self.part, output_file)
        self.note.unlink(missing_ok=True)

    def _bring(self, url: str) -> bool:
        """Asks for what is missing and writes it; whether the file is whole now."""
        import requests

        at, known = self._begun()
        headers = {"Accept-Encoding": "identity"}
        if at:
            headers |= {"Range": f"bytes={at}-"} | ({"If-Range": known["tag"]} if known["tag"] else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            if answer.status_code == 416 and at and at == known["bytes"]:
                return True
            if answer.status_code == 416 or (answer.status_code == 206 and not _goes_on(answer.headers, at, known)):
                self.part.unlink(missing_ok=True)  # of what the server has no more
                return False
            _refuse(url, answer.status_code)
            if answer.status_code == 200:
                if at:
                    tell(f"{url} was begun anew: its server does not go on at {at:,} bytes, or has another file now.")
                at, known = 0, _facts(answer.headers)
                self.note.write_text(json.dumps(known))
            return self._write(answer, at, known["bytes"])

    def _write(self, answer: Any, at: int, total: int | None) -> bool:
        answer.raw.headers.pop("content-encoding", None)  # a file is kept as it is published, and not decoded
        bar = progress_bar(total=total, initial=at, unit="B", unit_scale=True, desc=self.shown)
        with bar, open(self.part, "ab" if at else "wb") as file:
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                at += len(piece)
                bar.update(len(piece))
                if total is not None and at > total:
                    raise MirbenchError(f"{answer.url} sends more than the {total:,} bytes that it announced; try again later.")
        return total is None or at == total

    def _begun(self) -> tuple[int, dict[str, Any]]:
        """How many bytes are there, and of what file of the server; none where that is not known."""
        try:
            known = json.loads(self.note.read_text())
            return self.part.stat().st_size, {"tag": str(known["tag"]), "bytes": known["bytes"]}
        except (OSError, ValueError, KeyError, TypeError):
            return 0, {"tag": "", "bytes": None}

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0


def _facts(headers: Mapping[str, str]) -> dict[str, Any]:
    """What tells one file of a server from another: a strong tag or a date, and how many bytes."""
    tag, length = headers.get("ETag", ""), headers.get("Content-Length", "")
    strong = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    return {"tag": strong, "bytes": int(length) if length.isdecimal() else None}


def _goes_on(headers: Mapping[str, str], at: int, known: Mapping[str, Any]) -> bool:
    """Whether an answer is the rest of the same file."""
    told, tag = headers.get("Content-Range", ""), _facts(headers)["tag"]
    start, _, total = told.removeprefix("bytes ").partition("-")
    total = total.rpartition("/")[2]
    same = not tag or not known["tag"] or tag == known["tag"]
    return start == str(at) and same and (known["bytes"] is None or total in ("*", str(known["bytes"])))


def _refuse(url: str, status: int) -> None:
    """Raises MirbenchError for an answer without the file, and an error that is tried again where the server is busy."""
    import requests

    if status in BUSY or status >= 500:
        raise requests.HTTPError(f"the server answers {status}")
    if status not in (200, 206):
        why = {404: "is not there (404)", 410: "is not there any more (410)"}.get(status, f"is refused by its server ({status})")
        raise MirbenchError(f"{url} {why}; its publisher may have moved it: look at the home page, and unpack it by hand where it is now.")


def in_words(error: Exception) -> str:
    """Of requests: what went wrong on the way."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return str(error)
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection was broken off"
    if isinstance(error, exceptions.Timeout):
        return "its server does not answer"
    reached = isinstance(error, exceptions.ConnectionError) and not isinstance(error, exceptions.SSLError | exceptions.ProxyError)
    return "its server cannot be reached" if reached else shortened(printable(describe(error)))
