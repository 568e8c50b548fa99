# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A real Apache Kafka for the tests: brokers of their own in a temporary folder, on loopback, never as root.

The jars come once through Maven into a cache folder (SCHAKEL_KAFKA_CACHE, else schakel/kafka under XDG_CACHE_HOME); the
brokers start when a test first asks for them and end with the process that started them, however that ends.
"""

from __future__ import annotations

import atexit
import base64
import fcntl
import ipaddress
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from deploy.prometheus import free_port
from tests.servers import MEMORY, as_user, missing, other_user

VERSION = "4.3.1"
# Kafka writes its log through slf4j; the binding is not among what it brings.
_BINDING = "2.25.4"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>schakel</groupId><artifactId>kafka-jars</artifactId><version>1</version>
<packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
<version>{_BINDING}</version></dependency></dependencies></project>
"""
_LOGGING = """Configuration:
  status: WARN
  Appenders:
    File: {name: File, fileName: PLACE, PatternLayout: {pattern: "%d{ISO8601} %-5p %c{1} %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: File}}
"""
_WAIT = 120.0


@cache
def jars() -> Path:
    """The folder with Kafka's jars, fetched the first time; skips the test where that can't be done."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    place = Path(os.environ.get("SCHAKEL_KAFKA_CACHE") or Path(base) / "schakel" / "kafka")
    target = place / VERSION
    if shutil.which("java") is None:
        missing("kafka", "Java 17 is not on this machine, and Kafka needs it: apt-get install openjdk-17-jre-headless")
    if target.is_dir():
        return target
    if shutil.which("mvn") is None:
        missing("kafka", "Maven fetches Kafka's jars and is not on this machine: apt-get install maven")
    place.mkdir(parents=True, exist_ok=True)
    # Two test processes start at once: the second waits and finds what the first fetched.
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _fetch(place, target)
    return target


def _fetch(place: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place) as work:
        pom, made = Path(work) / "pom.xml", Path(work) / "jars"
        pom.write_text(_POM)
        words = ["mvn", "-B", "-q", "-C", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run([*words, f"-DoutputDirectory={made}"], capture_output=True, check=False)
        if done.returncode or not (made / f"kafka_2.13-{VERSION}.jar").is_file():
            missing("kafka", f"Maven could not fetch Kafka {VERSION}: try `mvn dependency:copy-dependencies` by hand")
        made.rename(target)


class Authority:
    """An authority for one Kafka, and the certificates of its brokers and clients.

    The keys are of P-256: Kafka's own PEM key store reads no Ed25519.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka of a test")])
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._certificate(self._name, self._key.public_key(), is_authority=True))

    def identity(self, name: str) -> Identity:
        """The certificate and the key of a principal; the same at each call."""
        made = Identity(*(self.folder / f"{name}.{end}" for end in ("crt", "key", "pem")))
        if made.both.exists():
            return made
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._certificate(subject, key.public_key(), is_authority=False)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made.certificate.write_bytes(certificate)
        made.key.write_bytes(secret)
        made.both.write_bytes(secret + certificate)
        return made

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool) -> bytes:
        now = datetime.now(UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder(issuer_name=self._name, subject_name=subject, public_key=key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        return made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Identity:
    """The files of one principal."""

    certificate: Path
    key: Path
    both: Path


class Node:
    """One process of a Kafka: a broker, a controller, or both."""

    def __init__(self, kafka: Kafka, number: int, roles: str, ports: dict[str, int]) -> None:
        self.kafka, self.number, self.roles, self.ports = kafka, number, roles, ports
        self.data = kafka.root / f"data-{number}"
        self.properties = kafka.root / f"node-{number}.properties"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; `Kafka.wait` says when it answers."""
        with (self.kafka.root / f"out-{self.number}").open("ab") as log:
            self.process = subprocess.Popen(
                self.kafka.java(self.number, "kafka.Kafka", str(self.properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it: SIGTERM in order, SIGKILL as when the machine dies."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(30)

    def write(self, more: dict[str, str]) -> None:
        """Its settings."""
        lines = [f"{name}={value}\n" for name, value in (self.kafka.settings_of(self) | more).items()]
        self.properties.write_text("".join(lines))


class Kafka:
    """A cluster on loopback: `brokers` combined nodes, or with `controllers` nodes apart for those.

    With `tls` its listeners ask for certificates and its own authorizer decides; `admin` may do everything.
    """

    def __init__(
        self,
        *,
        brokers: int = 1,
        controllers: int = 0,
        tls: bool = False,
        settings: dict[str, str] | None = None,
        place: str = MEMORY,
        heap: str = "512m",
    ) -> None:
        found = jars()
        self.tls, self.heap, self._settings = tls, heap, dict(settings or {})
        self.root = Path(tempfile.mkdtemp(prefix="schakel-kafka-", dir=place))
        self.root.chmod(0o755)
        self.user = other_user()
        atexit.register(self.remove)
        self._jars = self._reachable(found)
        self.authority = Authority(self.root / "certificates") if tls else None
        roles = ["broker"] * brokers + ["controller"] * controllers if controllers else ["broker,controller"] * brokers
        ports = list(_ports(2 * len(roles)))
        self.nodes = [
            Node(self, number, role, {"CLIENT": ports[2 * number - 2], "CONTROLLER": ports[2 * number - 1]})
            for number, role in enumerate(roles, 1)
        ]
        self.brokers = [node for node in self.nodes if "broker" in node.roles]
        self.controllers = [node for node in self.nodes if "controller" in node.roles]
        self.bootstrap = ",".join(f"127.0.0.1:{node.ports['CLIENT']}" for node in self.brokers)
        self._made = 0
        self._format()
        self.start()

    def start(self) -> None:
        """Starts every node that does not run, and waits until all answer."""
        for node in [*self.controllers, *self.nodes]:
            if node.process is None or node.process.poll() is not None:
                node.start()
        self.wait()

    def wait(self, brokers: int | None = None) -> None:
        """Until so many brokers (None: all) are there and a controller leads them."""
        wanted = len(self.brokers) if brokers is None else brokers
        until = time.monotonic() + _WAIT
        admin = AdminClient(self.client(logger=Silent()))
        while True:
            try:
                seen = admin.list_topics(timeout=1)
            except KafkaException:
                pass
            else:
                if len(seen.brokers) >= wanted and seen.controller_id > 0:
                    return
            if time.monotonic() > until:
                raise RuntimeError(self.said())
            signal.sigtimedwait([], 0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends all nodes."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.send_signal(how)
        for node in self.nodes:
            node.stop(how)

    def client(self, principal: str = "admin", **more: object) -> dict[str, Any]:
        """The settings of a client of confluent-kafka."""
        made: dict[str, Any] = {"bootstrap.servers": self.bootstrap}
        if self.authority is not None:
            files = self.authority.identity(principal)
            made |= {
                "security.protocol": "ssl",
                "ssl.ca.location": str(self.authority.file),
                "ssl.certificate.location": str(files.certificate),
                "ssl.key.location": str(files.key),
            }
        return made | more

    def admin(self) -> AdminClient:
        """A client that may do everything."""
        return AdminClient(self.client(logger=Silent()))

    def unused(self, word: str) -> str:
        """A name that no other test has, nor the same one again: a worker may take up a file of tests twice."""
        self._made += 1
        return f"{word}-{os.getpid()}-{self._made}"

    def topic(self, name: str | None = None, *, partitions: int = 1, **config: str) -> str:
        """Makes a topic, under a name that no other test has if none is given; returns its name."""
        name = name or self.unused("t")
        copies = min(3, len(self.brokers))
        # A client that is collected before its answer is there takes the answer with it.
        admin = self.admin()
        made = admin.create_topics([NewTopic(name, partitions, copies, config=config)], operation_timeout=30)
        made[name].result(60)
        return name

    def said(self) -> str:
        """The end of what its nodes wrote."""
        files = [*self.root.glob("out-*"), *self.root.glob("log-*")]
        return "\n".join(f"{file.name}: {file.read_text(errors='replace')[-1_500:]}" for file in sorted(files))

    def remove(self) -> None:
        """Ends all nodes and removes all of it."""
        if hasattr(self, "nodes"):
            self.stop(signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def java(self, number: int, program: str, *words: str) -> list[str]:
        """The command line of a program of Kafka."""
        logging = self.root / f"logging-{number}.yaml"
        logging.write_text(_LOGGING.replace("PLACE", str(self.root / f"log-{number}")))
        flags = [f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]
        command = ["java", *flags, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{self._jars}/*", program, *words]
        return as_user(self.user, signal.SIGKILL, *command)

    def settings_of(self, node: Node) -> dict[str, str]:
        """What stands in the file of a node."""
        kind = "SSL" if self.tls else "PLAINTEXT"
        names = [name for name, role in (("CLIENT", "broker"), ("CONTROLLER", "controller")) if role in node.roles]
        copies, in_sync = str(min(3, len(self.brokers))), "2" if len(self.brokers) > 2 else "1"
        made = {
            "process.roles": node.roles,
            "node.id": str(node.number),
            "controller.quorum.voters": ",".join(
                f"{one.number}@127.0.0.1:{one.ports['CONTROLLER']}" for one in self.controllers
            ),
            "listeners": ",".join(f"{name}://127.0.0.1:{node.ports[name]}" for name in names),
            "listener.security.protocol.map": f"CLIENT:{kind},CONTROLLER:{kind}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(node.data),
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": "0",
            "num.network.threads": "2",
            "num.io.threads": "2",
            "log.cleaner.dedupe.buffer.size": "8388608",
        }
        if "broker" in node.roles:
            made |= {
                "advertised.listeners": f"CLIENT://127.0.0.1:{node.ports['CLIENT']}",
                "inter.broker.listener.name": "CLIENT",
            }
        return made | self._security() | self._settings

    def _security(self) -> dict[str, str]:
        if self.authority is None:
            return {}
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.authority.identity("broker").both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "ssl.client.auth": "required",
            "ssl.enabled.protocols": "TLSv1.3",
            "ssl.protocol": "TLSv1.3",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:broker;User:admin",
        }

    def _format(self) -> None:
        # Fixed and harmless first letter: an id that begins with a minus would be read as a word of the command line.
        cluster = "S" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")[1:]
        for node in self.nodes:
            node.write({})
        self._give()
        words = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c")
        started = [
            subprocess.Popen(
                self.java(node.number, *words, str(node.properties)),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
            )
            for node in self.nodes
        ]
        for one in started:
            said, _ = one.communicate(timeout=_WAIT)
            if one.returncode:
                raise RuntimeError(said.decode(errors="replace")[-2_000:])

    def _reachable(self, found: Path) -> Path:
        """The jars where the user of the brokers can read them: the home folder of root is closed to others."""
        if not self.user:
            return found
        shutil.copytree(found, self.root / "jars")
        return self.root / "jars"

    def _give(self) -> None:
        if self.user:
            one = pwd.getpwnam(self.user)
            for path in [self.root, *self.root.rglob("*")]:
                os.chown(path, one.pw_uid, one.pw_gid)


@cache
def kafka() -> Kafka:
    """The one broker of this process, without TLS."""
    return Kafka()


class Silent:
    """Takes what a client says while brokers are still starting or gone on purpose."""

    def log(self, *_: object, **__: object) -> None:
        """Nothing."""


def _ports(count: int) -> set[int]:
    """So many, no two the same."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return found
