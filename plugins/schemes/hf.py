"""`hf:REPOSITORY@REVISION` or `hf:FOLDER`: audio models of the transformers library (`pip install 'mirbench-audio[hf]'`)."""

from __future__ import annotations

import mirbench


class Hub(mirbench.Scheme):
    name = "hf"
    description = "hf:REPOSITORY@REVISION or hf:FOLDER, an audio model of the transformers library"

    def encoder(self, rest: str) -> mirbench.Encoder:
        if not rest:
            raise mirbench.MirbenchError("hf: names no model; write hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:FOLDER.")
        return mirbench.HubEncoder(rest)


@mirbench.hookimpl
def register_schemes() -> list[mirbench.Scheme]:
    return [Hub()]
