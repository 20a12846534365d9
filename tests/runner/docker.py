# SPDX-License-Identifier: Apache-2.0
"""Docker actions in containers, as a runner starts them.

Sources: actions/runner, ContainerActionHandler.cs, ContainerInfo.cs, DockerCommandManager.cs. Of the
mounts, the socket of the Docker daemon is left out.
"""
import hashlib
import os
import subprocess
from pathlib import Path

# What a container needs where the machine is itself one; elsewhere it does no harm.
LIMITS = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000", "--cgroups=disabled",
          "--network=host"]


class Containers:
    """What is needed of podman, which keeps everything in `folder`."""

    def __init__(self, folder, temp, workspace):
        self.podman = [str(Path(__file__).parent / "podman"), folder]
        # The inner folders first: a path is translated by the mount next to it.
        self.mounts = [(str(temp / "_github_home"), "/github/home"),
                       (str(temp / "_github_workflow"), "/github/workflow"),
                       (str(temp / "_runner_file_commands"), "/github/file_commands"),
                       (str(temp), "/github/runner_temp"),
                       (workspace, "/github/workspace")]
        self.images = {}
        (temp / "_github_home").mkdir(exist_ok=True)

    def translate(self, value):
        """Only a value that begins with a mounted path changes, and only there."""
        for outside, inside in self.mounts:
            if value == outside or value.startswith(outside + "/"):
                return inside + value[len(outside):]
        return value

    def build(self, folder, name):
        """The image of the action in a folder, built when it is first asked for."""
        if folder not in self.images:
            image = "action-" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
            done = subprocess.run(
                [*self.podman, "build", "-q", "--pull-never", "--network=none", "-t", image,
                 "-f", str(folder / name), str(folder)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False)
            if done.returncode != 0:
                raise RuntimeError("cannot build the image: " + done.stdout.decode())
            self.images[folder] = image
        return self.images[folder]

    def command(self, image, entrypoint, arguments, env):
        """What runs a container with these variables, which it sees with its own paths."""
        env = {name: self.translate(value) for name, value in env.items() if name != "PATH"}
        env["HOME"] = "/github/home"
        argv = [*self.podman, "run", "--rm", "--pull=never", "--workdir", "/github/workspace",
                *LIMITS]
        for name, value in env.items():
            argv += ["-e", f"{name}={value}"]
        for outside, inside in self.mounts:
            argv += ["-v", f"{outside}:{inside}"]
        if entrypoint:
            argv += ["--entrypoint", entrypoint]
        return [*argv, image, *arguments], {"PATH": os.environ["PATH"]}
