"""Targets: what a project has beside its specs (settings, a baseline, the cache, git), and the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cached_property
from io import BytesIO, TextIOWrapper
from pathlib import Path
from random import Random
from typing import ClassVar

from specc.cli.commands import run_command
from specc.compare.history import compare_with
from specc.diagnostics import UsageError
from specc.filesystem import Memory
from specc.project.baseline import Baselines, read_baseline, write_baseline
from specc.project.cache import Cache
from specc.project.check import Checker, check
from specc.project.discovery import spec_files
from specc.project.selection import CheckOptions
from specc.project.settings import NO_SETTINGS, Configuration
from specc.report.formats import comparison_text
from specc.source import Source
from tests.bundle.mutations import changed_bytes
from tests.fuzz import texts
from tests.fuzz.target import Target, require, shown

WARNED = "model M : [N, 3, 8, 8] {\n  conv(4, 3) -> bn -> relu -> relu\n  let unused = 3\n}\n"
"""A spec of a few warnings."""


class SettingsFile(Target):
    """Settings, and specs found and checked by them."""

    name, share = "settings", 40
    names = (
        "net.cnn",
        "nets/a.cnn",
        "nets/old/b.yaml",
        "tests/c.cnn",
        "a/a/a/a/a/a/a/a/a/a/a/a/aaaaaaaaaaaaaaaaaaaaaaaa.cnn",
    )

    def draw(self, random: Random) -> bytes:
        return texts.encoded(texts.settings(random), random)

    def answer(self, data: bytes) -> object:
        settings = "pyproject.toml" if b"specc" in data else "specc.toml"
        yaml = "- model: M\n  input: [N, 3]\n  body: relu\n"
        specs = {name: yaml if name.endswith(".yaml") else WARNED for name in self.names}
        files = Memory({settings: data, **specs})
        configuration = Configuration(files=files)
        found, unreadable = spec_files(["."], configuration, files=files)
        outcome = check(found, CheckOptions(configuration), files=files)
        excluded = [configuration.excludes(name) for name in self.names]
        return found, unreadable, excluded, shown(outcome)


class BaselineFile(Target):
    """A baseline, and a check that goes by it."""

    name, share = "baseline", 15

    @cached_property
    def _written(self) -> str:
        with chdir(self.folder):
            Path("net.cnn").write_text(WARNED, encoding="utf-8")
            outcome = check(["net.cnn"], CheckOptions(Configuration(NO_SETTINGS)))
            write_baseline("seed.json", outcome.file_findings)
            return Path("seed.json").read_text("utf-8")

    def draw(self, random: Random) -> bytes:
        text = texts.changed_json(self._written, random)
        data = text.encode("utf-8", "surrogatepass")
        return changed_bytes(data, random) if random.random() < 0.2 else data

    def answer(self, data: bytes) -> object:
        assert self._written
        with chdir(self.folder):
            Path("base.json").write_bytes(data)
            baselines = Baselines(read_baseline("base.json"))
            outcome = check(["net.cnn"], CheckOptions(Configuration(NO_SETTINGS), baselines=baselines))
            write_baseline("again.json", outcome.file_findings)
            return shown(outcome), [baseline for baseline, _ in outcome.unmet]


class CacheEntry(Target):
    """A damaged entry of the cache changes no finding."""

    name, share = "cache", 10
    source = Source("net.cnn", WARNED)

    @cached_property
    def _entry(self) -> tuple[Path, bytes, str]:
        """An entry and its bytes, and what a check without the cache finds."""
        folder = self.folder / "cache"
        checker = Checker(Configuration(NO_SETTINGS), Cache(folder), Memory({"net.cnn": WARNED}))
        result = checker.check(self.source)
        (path,) = folder.glob("*/*.findings")
        return path, path.read_bytes(), repr(result.findings)

    def draw(self, random: Random) -> bytes:
        _, entry, _ = self._entry
        if random.random() < 0.5:
            return changed_bytes(entry, random)
        signature, _, payload = entry.partition(b"\n")
        return signature + b"\n" + texts.changed_json(payload.decode(), random).encode("utf-8", "surrogatepass")

    def answer(self, data: bytes) -> object:
        path, _, truth = self._entry
        path.write_bytes(data)
        found = Checker(Configuration(NO_SETTINGS), Cache(self.folder / "cache"), Memory({"net.cnn": WARNED})).check(
            self.source
        )
        require(repr(found.findings) == truth, "a damaged entry changes what is found")
        return truth


class Revision(Target):
    """What names a commit, and commits whose folders somebody has made up."""

    name, share, starts = "git", 1, True
    _refs = (
        "HEAD",
        "main",
        "HEAD~1",
        "v1",
        "HEAD@{1}",
        ":/x",
        "HEAD^{tree}",
        "main..v1",
        "^HEAD",
        "--output=x",
        "-h",
        "HEAD:net.cnn",
    )

    @cached_property
    def _repository(self) -> Path:
        folder = self.folder / "repository"
        (folder / "nets").mkdir(parents=True)
        self._git("init", "-q", "-b", "main")
        for number, text in enumerate((WARNED, WARNED.replace("4", "5"))):
            (folder / "net.cnn").write_text(text, encoding="utf-8")
            (folder / "nets" / "a.cnn").write_text('from "../net.cnn" import unit\n' + WARNED, encoding="utf-8")
            self._git("add", "-A")
            self._git("commit", "-q", "-m", f"{number}")
            self._git("tag", f"v{number}")
        return folder

    def _git(self, *arguments: str, data: bytes = b"") -> bytes:
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        own |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        own |= {"GIT_AUTHOR_DATE": "2000-01-01T00:00Z", "GIT_COMMITTER_DATE": "2000-01-01T00:00Z"}
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments]
        done = subprocess.run(
            command, cwd=self.folder / "repository", input=data, env=own, capture_output=True, check=True
        )
        return done.stdout

    def draw(self, random: Random) -> bytes:
        if random.random() < 0.5:
            ref = random.choice(self._refs)
            for _ in range(random.choice((0, 1, 1, 2))):
                at = random.randrange(len(ref) + 1)
                new = random.choice(
                    ("~", "^", "@{", "}", ":", "..", "-", "~99999999999", "^{commit}", "é", " ", *texts.ODD)
                )
                ref = ref[:at] + new + ref[at + random.choice((0, 1)) :]
            return b"ref:" + ref.encode("utf-8", "surrogatepass")
        assert self._repository
        tree = self._git("cat-file", "tree", "HEAD")
        names = (
            b"../x.cnn",
            b".git",
            b"a/b.cnn",
            b"net.cnn",
            b"",
            b".",
            b"x" * 300 + b".cnn",
            b"\xff.cnn",
            b"nets",
            b"\x1b[31m.cnn",
        )
        modes = (b"100644", b"120000", b"040000", b"40000", b"160000", b"100755", b"0", b"777777")
        for _ in range(random.choice((0, 1, 2))):
            tree += (
                random.choice(modes)
                + b" "
                + random.choice(names)
                + b"\0"
                + random.choice((tree[-20:], bytes(20), random.randbytes(20)))
            )
        return b"tree" + (changed_bytes(tree, random) if random.random() < 0.3 else tree)

    def answer(self, data: bytes) -> object:
        folder, kind, rest = self._repository, data[:4], data[4:]
        ref = rest.decode("utf-8", "surrogateescape")
        if kind == b"tree":
            try:
                made = (
                    self._git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", data=rest).decode().strip()
                )
                ref = self._git("commit-tree", made, "-m", "made up").decode().strip()
            except subprocess.CalledProcessError:
                raise UsageError("git itself does not take such a tree") from None
        elif "\0" in ref:
            raise UsageError("no command line has such a sign")
        with chdir(folder):
            comparison, unreadable = compare_with(ref, (".",))
        return [comparison_text(form, comparison) for form in ("text", "json", "markdown")], [
            one.message for one in unreadable
        ]


class CommandLine(Target):
    """Commands with options that nobody would give together, on files with odd names."""

    name, share = "commands", 5
    _files: ClassVar[dict[str, bytes]] = {
        "net.cnn": WARNED.encode(),
        "wrong.cnn": b"model M : [N, 3] { convv(3) }\n",
        "net.yaml": b"- {model: M, input: [N, 3], body: relu}\n",
        "\x1b[31m.cnn": WARNED.encode(),
        "labels.txt": b"a\nb\n",
        "empty.cnn": b"",
        "specc.toml": b"[budget]\nparams = 1000\n",
        "damaged.onnx": b"\x08",
    }
    _commands: ClassVar[dict[str, str]] = {
        "check": "--format=full --format=json --format=sarif --format=junit --format=gitlab --format=github "
        "--format=concise --fail-on=warning --select=S05 --ignore=S0505 --baseline=base.json --fix --unsafe-fixes "
        "--write-baseline=base.json --statistics --no-cache --jobs=1 --config=specc.toml --force-exclude --allow-empty "
        "-o=out.txt",
        "fmt": "--check --diff --annotate --config=specc.toml --force-exclude --allow-empty",
        "show": "--model=M --at=H=3 --depth=1 --format=json",
        "explain": "--model=M --at=H=3",
        "convert": "--from=cnn --from=yaml --to=yaml --to=cnn --force",
        "compile": "-o=out.onnx -o=out.py --target=torch --target=onnx --seed=3 --seed=-1 --opset=18 --opset=99 "
        "--functions --no-sidecar --labels=labels.txt --save-weights=w.safetensors --weights=w.safetensors "
        "--match=order --runs-on=onnxruntime>=1.16",
        "inspect": "--format=json --sidecar=specc.toml",
        "embed": "--language=python --language=cpp --language=js --sidecar=specc.toml",
        "diff": "--fail-on=graph --fail-on=cost+1% --format=json --format=markdown --at=H=3",
        "schema": "--sidecar",
    }

    def draw(self, random: Random) -> bytes:
        command = random.choice(list(self._commands))
        words = [command, *(["--no-verify"] if command == "compile" and random.random() < 0.9 else [])]
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            words.append(
                random.choice((*self._files, "missing.cnn", ".", "*.cnn", "S0505", "", "a" * 300, "M", "net.cnn:relu"))
            )
        own = self._commands[command].split()
        for _ in range(random.choice((0, 1, 2, 4)) if own else 0):
            option, _, value = random.choice(own).partition("=")
            if value and random.random() < 0.2 and not option.startswith(("-o", "--save", "--write")):
                value = random.choice((texts.word(random), random.choice(texts.ODD), "9" * 5000, "", *self._files))
            words += [option, value] if value or option == "-o" else [option]
        return json.dumps([word for word in words if "\0" not in word]).encode()

    def answer(self, data: bytes) -> object:
        words = json.loads(data)
        place = self.folder / "project"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, content in self._files.items():
            (place / name).write_bytes(content)
        before = sys.argv, os.environ.get("SPECC_CACHE_DIR"), os.environ.pop("SPECC_TRACEBACK", None)
        os.environ["SPECC_CACHE_DIR"] = str(self.folder / "commands")
        sys.argv = ["specc", *words]
        written = BytesIO()
        printed = TextIOWrapper(written, encoding="utf-8", errors="backslashreplace", write_through=True)
        try:
            with chdir(place), redirect_stdout(printed), redirect_stderr(printed):
                code = run_command()
        finally:
            sys.argv = before[0]
            for name, value in (("SPECC_CACHE_DIR", before[1]), ("SPECC_TRACEBACK", before[2])):
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
        text = written.getvalue().decode("utf-8")
        require("internal error" not in text and "Traceback" not in text, f"an internal error: {text[:300]}")
        require(code in (0, 1, 2, 3), f"the exit code {code}")
        require("\x1b" not in text, "the name of a file is obeyed")
        left = sorted(path.name for path in place.iterdir())
        require(not any(name.startswith(".") for name in left), "a hidden file is left")
        return code, text, left


TARGETS = (SettingsFile, BaselineFile, CacheEntry, Revision, CommandLine)
