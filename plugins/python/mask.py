#!/usr/bin/env python3
"""An example: writes what was logged into a file, with card numbers masked.

    [saver.plugins.mask]
    command  = ["python3", "plugins/mask.py"]
    settings = { path = "masked.jsonl" }
"""

import json
import os
import re

from databuild_plugin import Fatal, Processor, run

CARD = re.compile(r"\b\d{9,15}(\d{4})\b")


class Mask(Processor):
    name = "mask"
    version = "0.1.0"

    def initialize(self, pipeline, settings):
        path = settings.get("path", "masked.jsonl")
        try:
            self.out = open(path, "a", encoding="utf-8")
        except OSError as error:
            raise Fatal(f"cannot write {path}: {error.strerror}", "set another path") from error

    def process(self, event):
        if event.message is None:
            return
        line = {
            "timestamp": event.timestamp,
            "run": event.run,
            # With the run it names the event for ever: after a crash it may come a second time.
            "sequence": event.sequence,
            "message": CARD.sub(r"****\1", event.message),
        }
        self.out.write(json.dumps(line, ensure_ascii=False) + "\n")

    def flush(self):
        self.out.flush()
        os.fsync(self.out.fileno())

    def destroy(self):
        self.out.close()


if __name__ == "__main__":
    run(Mask())
