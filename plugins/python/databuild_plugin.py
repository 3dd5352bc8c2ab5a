"""Log processors for DataBuild in Python: needs nothing but Python 3.8.

A processor is a class with four methods; `run` does the rest:

    from databuild_plugin import Processor, run

    class Print(Processor):
        def process(self, event):
            self.log(event.message)

    run(Print())

Standard output belongs to the protocol. Inside of `run` everything that is printed goes to standard
error instead, which the log saver keeps as the log of the plugin.
"""

import json
import os
import sys
import time
import traceback

PROTOCOL = 1

# What `process` may return: everything up to this event is where it belongs, and durable.
DONE = True

# Seconds between acknowledgements while events of one batch are processed.
ACK_INTERVAL = 0.5


class PluginError(Exception):
    """Ends the plugin; the log saver starts it again and gives it what is not acknowledged."""

    kind = "transient"

    def __init__(self, reason, remedy=""):
        super().__init__(reason)
        self.reason = str(reason)
        self.remedy = remedy


class Transient(PluginError):
    """It may be otherwise when it is tried again."""


class Poison(PluginError):
    """This event cannot be processed, however often it is tried."""

    kind = "poison"


class Fatal(PluginError):
    """Nothing will be otherwise before somebody changes something."""

    kind = "fatal"


class Event:
    """One event. `entry` is the whole of it, as it is stored."""

    __slots__ = ("position", "sequence", "kind", "project", "app", "job", "run", "late", "entry")

    def __init__(self, given):
        self.position = given["position"]
        self.sequence = given["sequence"]
        self.kind = given["kind"]
        self.project = given["project"]
        self.app = given["app"]
        self.job = given["job"]
        self.run = given["run"]
        self.late = given.get("late", False)
        self.entry = given["entry"]

    @property
    def timestamp(self):
        """When it happened: RFC 3339, UTC."""
        return self.entry["timestamp"]

    @property
    def level(self):
        """The level of a log line; None for all else."""
        return self._log().get("level")

    @property
    def message(self):
        """The text of a log line; None for all else."""
        return self._log().get("message")

    @property
    def fields(self):
        """The structured facts of a log line."""
        return self._log().get("fields", {})

    def _log(self):
        return self.entry["content"].get("log", {})


class Processor:
    """What a plugin overrides. Raise Transient, Poison or Fatal if something cannot be done."""

    name = "plugin"
    version = "0.1.0"

    def initialize(self, pipeline, settings):
        """Gets ready. `settings` is what the owner of the pipeline has set."""

    def process(self, event):
        """Takes one event. May return DONE; else it is done when `flush` returns."""
        raise NotImplementedError

    def flush(self):
        """Makes durable what was taken. Called about once a second."""

    def destroy(self):
        """Lets go of everything. The last call; `flush` was called before."""

    @staticmethod
    def log(text):
        """Writes a line into the log of the plugin."""
        print(text, file=sys.stderr, flush=True)


class _Talk:
    """The protocol; its page is docs/formats/plugin-protocol.md."""

    def __init__(self, processor, frames_in, frames_out):
        self.processor = processor
        self.frames_in = frames_in
        self.frames_out = frames_out
        self.taken = 0
        self.acknowledged = 0
        self.at = None

    def say(self, **frame):
        self.frames_out.write(json.dumps(frame).encode() + b"\n")
        self.frames_out.flush()

    def acknowledge(self, position):
        if self.acknowledged < position:
            self.acknowledged = position
            self.say(type="ack", position=position)

    def serve(self):
        """Returns the exit code."""
        try:
            for line in self.frames_in:
                self.at = None
                if not self.answer(json.loads(line)):
                    return 0
            # The log saver is gone: what is not acknowledged comes again.
            return 1
        except PluginError as error:
            self.fail(error.kind, error.reason, error.remedy)
        except BrokenPipeError:
            pass
        except Exception as error:
            traceback.print_exc()
            self.fail("transient", f"{type(error).__name__}: {error}", "see the log of the plugin")
        return 1

    def fail(self, kind, reason, remedy):
        frame = {"type": "error", "kind": kind, "reason": reason[:1000]}
        if remedy:
            frame["remedy"] = remedy
        if self.at is not None:
            frame["position"] = self.at
        self.say(**frame)

    def answer(self, frame):
        """Whether to go on."""
        what = frame["type"]
        if what == "batch":
            self.batch(frame["events"])
        elif what == "flush":
            self.processor.flush()
            self.acknowledged = self.taken
            self.say(type="flushed", flush=frame["flush"])
        elif what == "stop":
            self.processor.flush()
            self.acknowledge(self.taken)
            self.processor.destroy()
            return False
        elif what == "hello":
            self.hello(frame)
        else:
            raise Transient(f"a frame of a type that this plugin does not know: {what}")
        return True

    def hello(self, frame):
        if frame["protocol"] != PROTOCOL:
            raise Fatal(
                f"the log saver speaks version {frame['protocol']} of the protocol, this plugin {PROTOCOL}",
                "take a databuild_plugin.py of the same version",
            )
        self.processor.initialize(frame["pipeline"], frame.get("settings", {}))
        self.say(
            type="hello",
            protocol=PROTOCOL,
            name=self.processor.name,
            version=self.processor.version,
        )

    def batch(self, events):
        done = 0
        said = time.monotonic()
        for given in events:
            self.at = given["position"]
            if self.processor.process(Event(given)) is DONE:
                done = self.at
                if ACK_INTERVAL <= time.monotonic() - said:
                    self.acknowledge(done)
                    said = time.monotonic()
            self.taken = self.at
        self.at = None
        self.acknowledge(done)


def run(processor):
    """Serves the log saver until it says stop, then exits."""
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.exit(_Talk(processor, sys.stdin.buffer, frames_out).serve())
