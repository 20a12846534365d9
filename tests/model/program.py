# SPDX-License-Identifier: Apache-2.0
"""Runs of the program, by themselves, two at once, or killed on the way."""
import collections
import json
import os
import subprocess
import time

SECONDS_MAX = 120
Outcome = collections.namedtuple("Outcome", "code document errors")
KILLED = -9


class Program:
    def __init__(self, path, base, variables):
        self.path, self.base = path, base
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("XCACHE", "GITHUB_", "INPUT_", "AWS_", "ACTIONS_", "XDG_", "RUNNER_"))}
        self.variables = {**kept, **variables, "AWS_EC2_METADATA_DISABLED": "true", "XCACHE_BACKOFF_MS": "20"}
        # How long the commands took when they were left alone, in seconds.
        self.took = collections.defaultdict(lambda: collections.deque([0.05], maxlen=10))

    def has(self, command):
        commands = subprocess.run([self.path, "help"], stdout=subprocess.PIPE, text=True, check=True, env=self.variables)
        return f"  {command} " in commands.stdout

    def start(self, command, *arguments, state=None):
        variables = dict(self.variables)
        if state:
            variables["XCACHE_STATE_DIR"] = str(state)
        variables["HOME"] = str(self.base)
        return subprocess.Popen([self.path, command, "--json", *arguments], env=variables, cwd=self.base,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process):
        try:
            output, errors = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        document = json.loads(output) if output and process.returncode >= 0 else None
        return Outcome(process.returncode, document, errors.decode(errors="replace"))

    def run(self, command, *arguments, state=None):
        start = time.monotonic()
        outcome = self.finish(self.start(command, *arguments, state=state))
        if outcome.code == 0:
            self.took[command].append(time.monotonic() - start)
        return outcome

    def run_and_kill(self, share, command, *arguments, state=None):
        """Kill it after a share of the time that it usually takes."""
        usual = sorted(self.took[command])[len(self.took[command]) // 2]
        process = self.start(command, *arguments, state=state)
        try:
            process.wait(usual * share)
        except subprocess.TimeoutExpired:
            process.kill()
        return self.finish(process)
