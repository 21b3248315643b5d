"""Logs go to standard error, so that scripts can read standard output; console, logfmt or JSON."""

from __future__ import annotations

import json
import logging
import sys
import time

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("console", "logfmt", "json")

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The `extra` fields of a record, and the traceback where there is one."""
    found = {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
    if record.exc_info:
        found["error"] = logging.Formatter().formatException(record.exc_info)
    return found


def _time(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


class ConsoleFormatter(logging.Formatter):
    """For people: time, level, logger, message, then key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or more when there is a traceback."""
        fields = _fields(record)
        trace = fields.pop("error", None) if record.exc_info else None
        name = record.name.removeprefix("stemma.")
        pairs = "".join(f"  {key}={value}" for key, value in fields.items())
        line = (
            f"{_time(record)[11:-1]} {record.levelname[:4]} {name:<10} {record.getMessage()}{pairs}"
        )
        return line if trace is None else f"{line}\n{trace}"


class LogfmtFormatter(logging.Formatter):
    """For log collectors that read key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Always one line."""
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **_fields(record),
        }
        return " ".join(f"{key}={json.dumps(str(value))}" for key, value in fields.items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Always one line."""
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(fields, default=str)


_FORMATTERS = {"console": ConsoleFormatter, "logfmt": LogfmtFormatter, "json": JsonFormatter}


def configure(level: str, style: str) -> None:
    """Send the logs of this process to stderr. `level` may be `info` or `rpc=debug,info`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[style]())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("INFO")
    for part in level.split(","):
        name, separator, wanted = part.strip().rpartition("=")
        logger = logging.getLogger(f"stemma.{name}" if separator else None)
        logger.setLevel(wanted.upper())
    logging.getLogger("asyncio").setLevel("WARNING")
    logging.getLogger("aiohttp").setLevel("WARNING")


def check_level(level: str) -> None:
    """Raise ValueError unless `configure` would take this level."""
    for part in level.split(","):
        wanted = part.strip().rpartition("=")[2]
        if wanted not in LEVELS:
            raise ValueError(f"log level {wanted!r}: expected one of {', '.join(LEVELS)}")
