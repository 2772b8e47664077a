"""What only a process of its own shows: imports, hash seeds, signals, a closed pipe, a full disk."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.signals import heed_signals

EXAMPLES = Path(__file__).parents[2] / "examples"
LENET = str(EXAMPLES / "lenet.cnn")
SPECC = [sys.executable, "-m", "specc"]

STAGES = """
block unit(c, act = relu) { conv(c, 3, padding=1, bias=false) -> bn -> act }
block stage(make, c, n) { repeat n { make(c) } -> add { | _ | unit(c, act=leakyrelu(0.1)) } }

model Siamese : (a: [N, 1, H, W], b: [N, 1, H, W]) -> (score: [N, 1], edge: [N, 1, H, W]) where H % 8 == 0, W >= 9 {
  shared tower = stage(unit, 8, 2) -> maxpool(2) -> globalavgpool -> flatten
  shared head = fc(2)
  a -> edge: conv(1, 3, padding=1, weight=[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], frozen=true)
  concat { | a -> tower -> head | b -> tower -> head }
  score: fc(1) -> sigmoid
}
"""
"""All that is kept in sets and tables on the way: blocks, shared steps, several inputs and outputs, symbols."""


HEAVY = {"torch", "onnx", "onnxruntime", "numpy", "safetensors"}


def imported(*commands: list[str]) -> set[str]:
    """The top-level packages that commands have imported, run one after the other, when they end."""
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*{m.partition('.')[0] for m in sys.modules}, file=sys.stderr))\n"
        "from specc.cli.main import main\n"
        f"for arguments in {[*commands]!r}:\n"
        "    sys.argv = ['specc', *arguments]\n"
        "    try: main()\n"
        "    except SystemExit as left: print(left.code, file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return set(ended.stderr.splitlines()[-1].split())


def test_help_check_and_errors_import_nothing_heavy(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cnn"
    bad.write_text("model M : [N, 3] { cf(3) }")
    fine = [["--help"], ["compile", "--help"], ["check", LENET], ["explain", f"{LENET}:conv1"], ["check", "none"]]
    loaded = imported(*fine, *([command, str(bad)] for command in ("check", "compile", "show", "verify")))
    assert "click" in loaded
    assert loaded & HEAVY == set()


def test_compile_without_proof_imports_no_framework(tmp_path: Path) -> None:
    loaded = imported(["compile", "--no-verify", LENET, "-o", str(tmp_path / "a.onnx")])
    assert "onnx" in loaded
    assert loaded & {"torch", "onnxruntime"} == set()


def test_the_same_bytes_under_every_hash_seed(tmp_path: Path) -> None:
    (tmp_path / "a.cnn").write_text(STAGES)
    names = ("a.onnx", "a.safetensors", "a.specc.json", "a.py")
    weights = ["-o", str(tmp_path / "a.onnx"), "--save-weights", str(tmp_path / "a.safetensors")]
    commands = [weights, ["-o", str(tmp_path / "a.py")]]
    program = (
        "import sys\n"
        "from specc.cli.main import main\n"
        f"for arguments in {commands!r}:\n"
        f"    sys.argv = ['specc', 'compile', '--no-verify', {str(tmp_path / 'a.cnn')!r}, *arguments]\n"
        "    try: main()\n"
        "    except SystemExit as left: assert left.code == 0\n"
    )
    written = []
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, env=environment)
        written.append([(tmp_path / name).read_bytes() for name in names])
        for name in names:
            (tmp_path / name).unlink()
    assert written[0] == written[1] == written[2]


def test_a_closed_pipe_is_no_traceback() -> None:
    process = subprocess.Popen([*SPECC, "show", LENET], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, error = process.communicate()
    assert process.returncode == 128 + signal.SIGPIPE
    assert error == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["check", LENET], ["show", LENET], ["--help"]])
def test_a_full_disk_behind_the_output(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*SPECC, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "error: cannot write the output: no space left on device\n"


@pytest.mark.parametrize(("command", "code"), [(f"check {LENET} >&-", 0), ("check - <&-", 2), ("check none 2>&-", 2)])
def test_closed_streams(command: str, code: int) -> None:
    ended = subprocess.run(["sh", "-c", f"{sys.executable} -m specc {command}"], capture_output=True, check=False)
    assert ended.returncode == code
    assert b"Traceback" not in ended.stderr
    assert b"internal" not in ended.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
def test_a_folder_that_is_closed_to_us(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "a.cnn").write_text("model M : [N, 3] { relu }")
    closed.chmod(0)
    tmp_path.chmod(0o755)
    # Everything is imported first: another user may not read this checkout, nor this Python.
    program = (
        "import os, sys\nfrom specc.cli.main import main\n"
        f"sys.argv = ['specc', 'check', {LENET!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"os.setuid(65534); sys.argv = ['specc', 'check', {str(closed / 'a.cnn')!r}]; main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "you have no permission to read it" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_compile_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    output = folder / "large.onnx"
    output.write_bytes(b"the old one")
    spec = tmp_path / "large.cnn"
    # Half a billion normal numbers: slow to draw, so that the signal comes early and little reaches the disk.
    spec.write_text('model Large : [N, 22000] { fc(22000, init="normal") }')
    command = [*SPECC, "compile", "--no-verify", str(spec), "-o", str(output)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_signals,  # noqa: PLW1509 - it takes no lock
    )
    deadline = time.monotonic() + 300
    while len(list(folder.iterdir())) < 2 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == 128 + number
    assert b"Traceback" not in error
    assert [p.name for p in folder.iterdir()] == ["large.onnx"]
    assert output.read_bytes() == b"the old one"


def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the same path through write(2)."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    output = tmp_path / "lenet.onnx"
    output.write_bytes(b"the old one")
    ended = subprocess.run(
        [*SPECC, "compile", "--no-verify", LENET, "-o", str(output)],
        preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: cannot write {output}: the file grows beyond")
    assert [p.name for p in tmp_path.iterdir()] == ["lenet.onnx"]
    assert output.read_bytes() == b"the old one"


@pytest.mark.slow
def test_a_large_network_is_compiled_in_little_memory(tmp_path: Path) -> None:
    """VGG-16, 553 MB of weights, in at most 150 MB."""
    command = [*SPECC, "compile", "--no-verify", str(EXAMPLES / "vgg16.cnn"), "-o", str(tmp_path / "vgg.onnx")]
    # A small process in between: Linux counts what a child inherits at the fork, and pytest is large.
    measure = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    ended = subprocess.run([sys.executable, "-c", measure, *command], check=True, capture_output=True, text=True)
    assert (tmp_path / "vgg.onnx").stat().st_size > 553_000_000
    assert int(ended.stdout) * (1 if sys.platform == "darwin" else 1024) <= 150_000_000


@pytest.mark.parametrize("command", ["check", "show", "explain"])
def test_a_stream_that_has_only_ascii(tmp_path: Path, command: str) -> None:
    path = tmp_path / "nö.cnn"
    path.write_text(
        'block b(name = "ö") { if name != "ü" { relu } }\nmodel M : [N, 3] { b -> b("ä") }', encoding="utf-8"
    )
    what = f"{path}:b1" if command == "explain" else str(path)
    depth = ["--depth", "1"] if command == "show" else []
    ended = subprocess.run(
        [*SPECC, command, what, *depth],
        capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.isascii()
    assert command == "check" or rb'b(name="\xf6")' in ended.stdout


@pytest.mark.parametrize(
    "module", ["specc.cli.commands", "click", "specc.cli.check", "specc.project.check", "specc.elaborate", "atexit"]
)
def test_ctrl_c_while_modules_are_loaded(module: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from specc.cli.main import run\n"
        "class Finder:\n"
        "    def find_spec(name, path, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\n"
        "sys.modules.pop('atexit', None)\n"  # what is loaded last, when all is done
        f"sys.argv = ['specc', 'check', '--no-cache', {LENET!r}]\n"
        "run()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_signals,
    )
    assert ended.stderr == "\ninterrupted\n"
    assert ended.returncode == 130


@pytest.mark.parametrize("time", ["before", "after"])
def test_ctrl_c_where_the_command_begins_and_where_it_ends(time: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from specc.cli import commands, main\n"
        "def command():\n"
        f"    if {time!r} == 'after':\n"
        "        real = signal.signal\n"
        "        signal.signal = lambda number, handler: (os.kill(os.getpid(), number), real(number, handler))\n"
        "        return 0\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "commands.run_command = command\n"
        f"sys.argv = ['specc', 'check', '--no-cache', {LENET!r}]\n"
        "main.run()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, preexec_fn=heed_signals
    )
    assert (ended.stderr, ended.returncode) == ("\ninterrupted\n", 130)


def spec(folder: Path) -> Path:
    (folder / "fine.cnn").write_text("model M : [N, 3] { fc(3) }\n")
    return folder / "fine.cnn"


class TestStreams:
    """A report goes where a stream goes; a file that is proven is put in a place."""

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
    def test_of_this_process(self, tmp_path: Path, name: str) -> None:
        command = f"{sys.executable} -m specc check --no-cache {spec(tmp_path)} -o {name}"
        piped = subprocess.run(["sh", "-c", f"{command} | cat"], capture_output=True, text=True, check=False)
        assert (piped.stdout, piped.stderr) == ("1 file, 1 model: all fit together\n", "")
        file = tmp_path / "all.txt"
        subprocess.run(["sh", "-c", f"(echo before; {command}; echo behind) > {file}"], check=True)
        assert file.read_text() == "before\n1 file, 1 model: all fit together\nbehind\n"

    def test_a_named_pipe_and_a_device(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        command = f"cat {pipe} & {sys.executable} -m specc check --no-cache {spec(tmp_path)} -o"
        ended = subprocess.run(["sh", "-c", f"{command} {pipe}; wait"], capture_output=True, text=True, check=False)
        assert (ended.stdout, ended.stderr) == ("1 file, 1 model: all fit together\n", "")
        assert pipe.is_fifo()
        subprocess.run([*SPECC, "check", "--no-cache", LENET, "-o", os.devnull], check=True)
        assert Path(os.devnull).is_char_device()

    def test_what_is_said_of_others(self) -> None:
        for arguments, message in (
            (["check", LENET, "-o", "/dev/fd/99"], "cannot write /dev/fd/99: bad file descriptor"),
            (
                ["compile", "--no-verify", LENET, "--target", "torch", "-o", "/dev/stdout"],
                "cannot write /dev/stdout: it is a device, pipe or socket, and only a regular file is replaced",
            ),
        ):
            ended = subprocess.run([*SPECC, *arguments], capture_output=True, text=True, check=False)
            assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"error: {message}\n")
