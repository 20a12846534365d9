# SPDX-License-Identifier: Apache-2.0
"""What a step tells its runner: files (outputs, state, ...) and lines of its log.

Sources: actions/runner, FileCommandManager.cs, ActionCommand.cs, ActionCommandManager.cs.
"""
import re

COMMANDS = {"debug", "notice", "warning", "error", "group", "endgroup", "add-mask", "add-matcher",
            "remove-matcher", "stop-commands", "echo", "set-output", "save-state", "set-env",
            "add-path"}
SUMMARY_BYTES_MAX = 1 << 20


class BadFile(Exception):
    """The runner fails a step whose file it cannot read."""


def read_values(text):
    """The pairs in a file of NAME=VALUE lines and NAME<<DELIMITER blocks."""
    values, lines = {}, text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    while lines:
        line = lines.pop(0)
        if not line:
            continue
        equals, block = line.find("="), line.find("<<")
        if equals >= 0 and (block < 0 or equals < block):
            name, value = line.split("=", 1)
        elif block >= 0:
            name, delimiter = line.split("<<", 1)
            if not name or not delimiter:
                raise BadFile(f"a block without name or delimiter: {line!r}")
            if delimiter not in lines:
                raise BadFile(f"the delimiter {delimiter!r} is missing")
            end = lines.index(delimiter)
            value = "\n".join(lines[:end])
            lines = lines[end + 1:]
        else:
            raise BadFile(f"neither a value nor a block: {line!r}")
        values[name] = value
    return values


def unescape(text, pairs):
    for escaped, plain in pairs:
        text = text.replace(escaped, plain)
    return text


DATA = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]


def read_command(line):
    """(name, data) if a runner would obey this line of a log, else None."""
    if line.lstrip().startswith("::"):
        found = re.match(r"::([^ :]+)(?: [^:]*)?::(.*)$", line.lstrip(), re.S)
    else:
        found = re.search(r"##\[([^\] ]+)[^\]]*\](.*)$", line, re.S)
    if not found or found[1] not in COMMANDS:
        return None
    return found[1], unescape(found[2], DATA)


def read_log(text):
    """The commands in a log, in order, and its lines as people see them."""
    commands, shown = [], []
    for line in re.split(r"\r\n|\n|\r", text):
        command = read_command(line)
        if command:
            commands.append(command)
        elif line:
            shown.append(line)
    return commands, shown
