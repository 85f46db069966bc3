"""An engine on what is another machine to its clients: in a network of its own, behind TLS, and without a port to publish."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from engine import BASE, run

NET = f"10.213.{os.getpid() % 256}"
HERE, THERE = f"{NET}.1", f"{NET}.2"
CABLE = f"nbd{os.getpid()}"
SSHD = "/usr/sbin/sshd"
NEEDED = ("dockerd", "ip", "nsenter", "openssl")


def why_not() -> str | None:
    """Say why no such engine can be started here; None when it can."""
    if os.geteuid() != 0:
        return "a network of its own takes root"
    missing = [name for name in NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if missing:
        return f"no `{missing[0]}` here"
    tried = run("ip", "netns", "add", f"tried-{os.getpid()}")
    run("ip", "netns", "delete", f"tried-{os.getpid()}")
    return tried.stderr.strip() or None


@contextmanager
def remote_engine(folder: Path) -> Iterator[str]:
    """Start one that has the base image; gives its address. Its certificates, for both sides, are in `folder`/certificates."""
    certificates = make_certificates(folder / "certificates")
    address = f"tcp://{THERE}:2376"
    with network() as name, (folder / "dockerd.log").open("wb") as log:
        # Its end of `ip netns exec` would see no control groups. What it gives its containers needs no packet filter.
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{name}", "dockerd", "--host", address, "--tlsverify",
             "--tlscacert", certificates / "ca.pem", "--tlscert", certificates / "server.pem",
             "--tlskey", certificates / "server.key", "--data-root", folder / "data", "--exec-root", folder / "exec",
             "--pidfile", folder / "pid", "--insecure-registry", f"{HERE}/30", "--iptables=false", "--ip6tables=false", "--ip-masq=false"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            command = ["docker", "--host", address, "--tlsverify", "--tlscacert", f"{certificates}/ca.pem",
                       "--tlscert", f"{certificates}/cert.pem", "--tlskey", f"{certificates}/key.pem"]
            for _ in range(120):
                if run(*command, "info").returncode == 0 or process.poll() is not None:
                    break
                time.sleep(0.25)
            with subprocess.Popen(["docker", "save", BASE], stdout=subprocess.PIPE) as saved:
                loaded = subprocess.run([*command, "load"], stdin=saved.stdout, capture_output=True, text=True, check=False)
            assert loaded.returncode == 0, f"{loaded.stderr}\n{(folder / 'dockerd.log').read_text()[-2000:]}"
            yield address
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def network() -> Iterator[str]:
    """Make a network that has a loopback address of its own, and a cable to ours; gives its name."""
    name = f"remote-{os.getpid()}"
    commands = (
        f"ip netns add {name}",
        f"ip link add {CABLE}a type veth peer name {CABLE}b netns {name}",
        f"ip address add {HERE}/30 dev {CABLE}a",
        f"ip link set {CABLE}a up",
        f"ip -n {name} address add {THERE}/30 dev {CABLE}b",
        f"ip -n {name} link set {CABLE}b up",
        f"ip -n {name} link set lo up",
    )
    try:
        for command in commands:
            done = run(*command.split())
            assert done.returncode == 0, f"{command}: {done.stderr}"
        yield name
    finally:
        run("ip", "link", "delete", f"{CABLE}a")
        run("ip", "netns", "delete", name)


def make_certificates(folder: Path) -> Path:
    """Make an authority and what it says of the engine (`server`) and of its user (as `DOCKER_CERT_PATH` has it)."""
    folder.mkdir(parents=True)
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key"]
    for arguments in (
        [*make, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
        [*make, *signed, "-subj", "/CN=engine", "-addext", f"subjectAltName=IP:{THERE}",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "server.key", "-out", "server.pem"],
        [*make, *signed, "-subj", "/CN=user", "-addext", "basicConstraints=critical,CA:FALSE",
         "-addext", "extendedKeyUsage=clientAuth", "-keyout", "key.pem", "-out", "cert.pem"],
    ):
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    return folder


def write_context(config: Path, name: str, address: str, certificates: Path) -> None:
    """Write what `docker context create` writes below the folder of the `docker` command's settings."""
    identity = sha256(name.encode()).hexdigest()
    meta, tls = config / "contexts" / "meta" / identity, config / "contexts" / "tls" / identity / "docker"
    meta.mkdir(parents=True)
    tls.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps(
        {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": address, "SkipTLSVerify": False}}}))
    for file in ("ca.pem", "cert.pem", "key.pem"):
        shutil.copyfile(certificates / file, tls / file)


@contextmanager
def ssh_server(folder: Path) -> Iterator[Path]:
    """Let oneself in at this machine as `builder`; gives a folder with an `ssh` that knows it, for the front of `PATH`.

    `ssh` looks for its settings in the user's own folder, whatever `HOME` says.
    """
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "server").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        "PermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n")
    (folder / "client").write_text(
        f"Host builder\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder}/user\n"
        f"  UserKnownHostsFile {folder}/known\n  StrictHostKeyChecking accept-new\n")
    ssh = folder / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/client "$@"\n')
    ssh.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-f", folder / "server"], stderr=subprocess.DEVNULL) as process:
        try:
            yield ssh.parent
        finally:
            process.terminate()
