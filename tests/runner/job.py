# SPDX-License-Identifier: Apache-2.0
"""One job, run as a runner does.

The rules are those of actions/runner, src/Runner.Worker: ActionRunner.cs, CompositeActionHandler.cs,
ScriptHandler.cs, ContainerActionHandler.cs. A Docker action runs in a container of the image that its
Dockerfile makes, by podman; without one, its program runs as it is, with variables alike.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import yaml
from docker import Containers
from expressions import Declared, as_text, evaluate, fill
from files import SUMMARY_BYTES_MAX, BadFile, read_log, read_values

FILES = {"GITHUB_OUTPUT": "output", "GITHUB_STATE": "state", "GITHUB_ENV": "env",
         "GITHUB_PATH": "path", "GITHUB_STEP_SUMMARY": "summary"}
TOKEN = "ghs_token"
# What a runner sends to a step that a cancelled job ends, and how long it then waits: ProcessInvoker.cs.
INTERRUPTIONS = [(signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, None)]
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS",
             "AWS_EC2_METADATA_DISABLED")


def read_whole(path):
    """The text with its line ends as they are."""
    return path.read_bytes().decode()


class Step:
    """What came of one step."""

    def __init__(self):
        self.success, self.ran, self.interrupted = True, False, False
        self.outputs, self.state, self.commands, self.lines, self.summary = {}, {}, [], [], ""
        self.what, self.declared = "", {}

    def fail(self, why):
        self.success = False
        self.commands.append(("error", why))

    def as_dict(self):
        outcome = "skipped" if not self.ran else "success" if self.success else "failure"
        outcome = "cancelled" if self.interrupted else outcome
        return {"what": self.what, "outcome": outcome, "outputs": self.outputs,
                "state": self.state, "commands": self.commands, "lines": self.lines,
                "summary": self.summary}

    def add(self, other):
        self.commands += other.commands
        self.lines += other.lines
        self.summary += other.summary
        self.success = self.success and other.success
        self.interrupted = self.interrupted or other.interrupted


def wanted(condition, contexts, functions):
    """A condition that does not ask for the status means success() as well."""
    text = str(condition or "success()").strip()
    if text.startswith("${{") and text.endswith("}}"):
        text = text[3:-2]
    asks = any(f"{name}(" in text for name in ("success", "failure", "always", "cancelled"))
    return bool((asks or functions["success"]()) and evaluate(text, contexts, functions))


class Job:
    """`job` is what `run` reads. From a workflow come also `contexts` (vars, needs, matrix), `home`,
    `run_shell` (what `run` steps have by themselves) and `checkout` (what a checkout brings)."""

    def __init__(self, options, job):
        self.options, self.job = options, job
        self.tree = Path(options.tree).resolve()
        self.temp = Path(options.temp).resolve()
        self.success, self.steps, self.posts, self.count = True, {}, [], 0
        self.cancelled, self.cancels, self.goes_on = False, False, None
        self.env = dict(job.get("env", {}))
        for name in ("_github_workflow", "_runner_file_commands"):
            (self.temp / name).mkdir(parents=True, exist_ok=True)
        self.containers = None
        if options.podman:
            self.containers = Containers(options.podman, self.temp, options.workspace)
        self.event_path = self.temp / "_github_workflow" / "event.json"
        self.event_path.write_text(json.dumps(job.get("payload", {})))
        self.github = Declared({
            "token": TOKEN, "sha": job.get("sha", "0" * 40), "ref": job.get("ref", ""), "event_name": job.get("event", "push"),
            "repository": job.get("repository", "owner/name"), "workspace": options.workspace,
            "base_ref": job.get("base_ref", ""), "event": job.get("payload", {}),
        })
        self.runner = {"RUNNER_OS": "Linux", "RUNNER_ARCH": "X64", "RUNNER_TEMP": str(self.temp)}
        self.runner.update(job.get("runner", {}))

    def environment(self):
        """What every step is given. Nothing of this program's own but PATH and HOME."""
        github = {f"GITHUB_{name.upper()}": self.github[name]
                  for name in ("ref", "sha", "event_name", "repository", "base_ref", "workspace")}
        github["GITHUB_EVENT_PATH"] = str(self.event_path)
        github["GITHUB_API_URL"] = self.job.get("api_url", "http://127.0.0.1:9")
        env = {"PATH": os.environ["PATH"], "HOME": self.job.get("home", os.environ["HOME"]),
               "CI": "true", "GITHUB_ACTIONS": "true"}
        env |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return env | github | self.runner | self.env

    def contexts(self, **more):
        steps = {name: {"outputs": Declared(step.declared | step.outputs) if step.declared
                        else step.outputs, "outcome": step.as_dict()["outcome"]}
                 for name, step in self.steps.items()}
        runner = {"os": self.runner["RUNNER_OS"], "arch": self.runner["RUNNER_ARCH"]}
        return {"github": self.github, "steps": Declared(steps), "env": self.env,
                "runner": Declared(runner)} | self.job.get("contexts", {}) | more

    def functions(self, success=None):
        """`success` is that of the steps of a composite action so far: whether the job was cancelled
        is nothing to them (CompositeActionHandler.cs, action_status)."""
        good = self.success and not self.cancelled if success is None else success
        return {"success": lambda: good, "failure": lambda: not good and not self.cancelled,
                "always": lambda: True, "cancelled": lambda: self.cancelled, "format": lambda text, *rest: text.format(*rest),
                "hashFiles": self.hash_files}

    def hash_files(self, *patterns):
        """The hash of all files that match; GitHub's is empty if none does, which is a mistake."""
        workspace = Path(self.options.workspace)
        files = {path for pattern in patterns for path in workspace.glob(pattern) if path.is_file()}
        if not files:
            raise ValueError(f"there is no file {' '.join(patterns)} in the workspace")
        sums = [hashlib.sha256(path.read_bytes()).digest() for path in sorted(files)]
        return hashlib.sha256(b"".join(sums)).hexdigest()

    def launch(self, command, env, step):
        """Run a program with fresh files, and read what it left in them and in its log.

        `command` makes its arguments and its own variables of the ones that the step is given."""
        self.count += 1
        folder = self.temp / "_runner_file_commands"
        paths = {name: folder / f"{self.count}-{short}" for name, short in FILES.items()}
        for path in paths.values():
            path.write_text("")
        env = env | {name: str(path) for name, path in paths.items()}
        argv, env = command({k: as_text(v) for k, v in env.items()})
        step.ran = True
        try:
            with subprocess.Popen(argv, env=env, cwd=self.options.workspace,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT) as process:
                self.cancel(process, step)
                text = process.communicate()[0].decode(errors="replace")
        except OSError as why:
            step.fail(f"cannot start it: {why}")
            return
        step.success = process.returncode == 0
        step.commands, step.lines = read_log(text)
        try:
            step.outputs = read_values(read_whole(paths["GITHUB_OUTPUT"]))
            step.state = read_values(read_whole(paths["GITHUB_STATE"]))
            self.env |= read_values(read_whole(paths["GITHUB_ENV"]))
        except BadFile as why:
            step.fail(str(why))
        step.summary = paths["GITHUB_STEP_SUMMARY"].read_text()
        if len(step.summary.encode()) > SUMMARY_BYTES_MAX:
            step.fail("the summary is too long")

    def cancel(self, process, step):
        """If it is this step's turn, cancel the job while it runs, which its condition may outlive."""
        if not self.cancels:
            return
        self.cancelled, self.cancels = True, False
        step.interrupted = not self.goes_on()
        for what, seconds in INTERRUPTIONS if step.interrupted else []:
            process.send_signal(what)
            try:
                process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                pass

    def run_script(self, spec, contexts, env, step):
        script = self.temp / f"script-{self.count}.sh"
        script.write_text(fill(spec["run"], contexts, self.functions()))
        own = {name: fill(value, contexts, self.functions())
               for name, value in spec.get("env", {}).items()}
        # Only steps of actions have to name their shell.
        shell = self.options.shell if "shell" in spec else self.job.get("run_shell", self.options.shell)
        argv = [*shell.split(), "-e", str(script)]
        self.launch(lambda given: (argv, given), env | own, step)

    def inputs_of(self, action, given, step):
        """Inputs by name: what was given, else the default."""
        declared, values = action.get("inputs", {}), {}
        for name in given:
            if name not in declared:
                step.commands.append(("warning", f"Unexpected input(s) '{name}'"))
            elif "deprecationMessage" in declared[name]:
                step.commands.append(("warning", f"Input '{name}' has been deprecated with message: "
                                      + declared[name]["deprecationMessage"]))
        for name, about in declared.items():
            default = fill(about.get("default", ""), {"github": self.github})
            values[name] = as_text(given.get(name, default))
        return values

    def run_composite(self, folder, action, inputs, env, step):
        inner, good, step.ran = {}, True, True
        for spec in action["runs"]["steps"]:
            if "shell" not in spec:
                raise ValueError("a step of a composite action must name its shell")
            contexts = self.contexts(inputs=inputs, steps={
                name: {"outputs": one.outputs} for name, one in inner.items()})
            one = Step()
            # A cancelled job asks the inner step alone (CompositeActionHandler.cs), as one that is not a success.
            self.goes_on = partial(wanted, spec.get("if"), contexts, self.functions(False))
            if wanted(spec.get("if"), contexts, self.functions(good)):
                # Inputs of the action are no variables of its steps.
                self.run_script(spec, contexts, env | {"GITHUB_ACTION_PATH": str(folder)}, one)
            step.add(one)
            good = good and (one.success or spec.get("continue-on-error", False))
            inner[spec.get("id", len(inner))] = one
        step.success = good
        contexts = self.contexts(steps={
            name: {"outputs": one.outputs} for name, one in inner.items()})
        for name, about in action.get("outputs", {}).items():
            value = fill(about["value"], contexts)
            if value:
                step.outputs[name] = value

    def run_docker(self, folder, action, inputs, env, step):
        runs = action["runs"]
        env = env | self.job.get("node", {}) | {
            f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in inputs.items()}
        arguments = [fill(word, {"inputs": inputs}) for word in runs.get("args", [])]
        self.launch(self.container(folder, runs, "entrypoint", arguments), env, step)
        if "post-entrypoint" in runs:
            state = {f"STATE_{name}": value for name, value in step.state.items()}
            command = self.container(folder, runs, "post-entrypoint", arguments)
            self.posts.append((runs.get("post-if", "always()"), command, env | state))

    def container(self, folder, runs, entrypoint, arguments):
        """What `launch` runs for main or post of a Docker action."""
        if not self.containers:
            argv = [str(self.named(folder, runs[entrypoint])), *arguments]
            return lambda given: (argv, given)
        image = self.containers.build(folder, runs["image"])
        return lambda given: self.containers.command(image, runs.get(entrypoint), arguments, given)

    def named(self, folder, path):
        """The program under the name that it has in the image."""
        link = self.temp / "image" / path.strip("/")
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(folder / "dist" / "xcache-linux-x64")
        return link

    def stand_in(self, name, step):
        """What other actions do for a job, as far as a test needs it."""
        if name == "actions/checkout":
            shutil.copytree(self.job["checkout"], self.options.workspace, dirs_exist_ok=True)
        elif not name.startswith("actions/setup-"):
            raise ValueError(f"there is nothing to stand in for {name}")
        step.ran = True

    def use(self, spec, contexts, env, step):
        if not spec["uses"].startswith("org/xcache"):
            self.stand_in(spec["uses"].split("@")[0], step)
            return
        path = spec["uses"].split("@")[0].removeprefix("org/xcache").strip("/")
        folder = self.tree / path
        action = yaml.safe_load((folder / "action.yml").read_text())
        given = {name: fill(value, contexts, self.functions())
                 for name, value in spec.get("with", {}).items()}
        warnings = Step()
        step.declared = dict.fromkeys(action.get("outputs", {}), "")
        inputs = self.inputs_of(action, given, warnings)
        using = action["runs"]["using"]
        handler = {"composite": self.run_composite, "docker": self.run_docker}[using]
        handler(folder, action, inputs, env, step)
        step.commands = warnings.commands + step.commands

    def run_step(self, spec):
        step, contexts = Step(), self.contexts()
        step.what = spec.get("uses", spec.get("run", "")).strip()
        if wanted(spec.get("if"), contexts, self.functions()):
            self.cancels = "id" in spec and spec["id"] == self.job.get("cancel")
            self.goes_on = lambda: wanted(spec.get("if"), contexts, self.functions())
            env = self.environment() | {name: fill(value, contexts)
                                        for name, value in spec.get("env", {}).items()}
            if "run" in spec:
                spec = {key: value for key, value in spec.items() if key != "env"}
                self.run_script(spec, contexts, env, step)
            else:
                self.use(spec, contexts, env, step)
            if not (step.success or step.interrupted or spec.get("continue-on-error", False)):
                self.success = False
        self.steps[spec.get("id", f"step{len(self.steps) + 1}")] = step

    def run(self):
        for spec in self.job["steps"]:
            self.run_step(spec)
        for number, (condition, command, env) in enumerate(reversed(self.posts), 1):
            step = Step()
            step.what = "post"
            if wanted(condition, self.contexts(), self.functions()):
                self.launch(command, env, step)
                self.success = self.success and step.success
            self.steps[f"post{number}"] = step
        return {"success": self.success and not self.cancelled,
                "steps": {name: step.as_dict() for name, step in self.steps.items()}}
