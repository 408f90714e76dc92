"""Java for the tests: the virtual machine and compiler of the host, and the sources of `java`."""

import subprocess
from pathlib import Path

#: Debian's, or the newest of the others.
JAVA_HOME = next(
    (home for home in Path("/usr/lib/jvm").glob("java-17-openjdk-*")),
    max(Path("/usr/lib/jvm").glob("*/bin/javac"), default=Path("/missing/bin/javac")).parent.parent,
)
JAVA = str(JAVA_HOME / "bin/java")
JAVA_SOURCES = Path(__file__).parent / "java"
#: As in the catalogue.
JAVA_OPTIONS = ["-XX:+UseSerialGC", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]


def compile_java(directory, sources, options=()):
    """Compiles sources into a directory."""
    command = [str(JAVA_HOME / "bin/javac"), "-encoding", "UTF-8", *options, "-d", str(directory)]
    subprocess.run([*command, *map(str, sources)], check=True)
