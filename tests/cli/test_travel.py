"""``compile`` with a sidecar, ``inspect``, and ``verify FILE.onnx``: what is printed and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from tests.bundle.compiled import SPEC, compiled, copied
from tests.cli.conftest import Specc

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def model(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return copied(original, tmp_path).relative_to(tmp_path)


def touched(model: Path) -> None:
    proto = onnx.load(model)
    proto.graph.node[0].doc_string = "touched"
    onnx.save(proto, model)


class TestCompile:
    @pytest.fixture(autouse=True)
    def spec(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "digits.cnn").write_text(SPEC)
        (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfzero\r\none\r\nzwei \xc3\xa4\r\n\r\n")

    def test_labels_of_several_outputs(self, specc: Specc) -> None:
        Path("two.cnn").write_text("model M : (a: [N, 3]) -> (s: [N, 3], t: [N, 3]) { a -> s: fc(3)\n a -> t: tanh }")
        Path("t=txt").write_text("x\ny\nz\n")
        command = ("compile", "two.cnn", "-o", "d.onnx", "--no-verify")
        assert specc(*command, "--labels", "s=labels.txt", "--labels", "t=t=txt").code == 0
        value = json.loads(Path("d.specc.json").read_text(encoding="utf-8"))
        assert [port["labels"] for port in value["outputs"]] == [["zero", "one", "zwei ä"], ["x", "y", "z"]]
        for labels, message in (
            (["labels.txt"], "s and t have as many channels each: say which output is meant, --labels s=FILE"),
            (["u=labels.txt"], "there is no output u; there are s, t"),
            (["s=labels.txt", "t=txt"], "txt cannot be read: no such file"),
            (
                ["s=labels.txt", "labels.txt"],
                "--labels is given 2 times: say which output each is of, once, as in --labels s=FILE",
            ),
            (["s=labels.txt", "s=labels.txt"], "--labels is given 2 times"),
        ):
            result = specc(*command, *(word for text in labels for word in ("--labels", text)))
            assert (result.code, result.out) == (2, "")
            assert message in result.err

    def test_labels_come_from_a_file(self, specc: Specc) -> None:
        assert specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify", "--labels", "labels.txt").code == 0
        value = json.loads(Path("d.specc.json").read_text(encoding="utf-8"))
        assert value["outputs"][0]["labels"] == ["zero", "one", "zwei ä"]
        assert value["file"]["name"] == "d.onnx"

    def test_the_same_as_from_python(self, specc: Specc, original: Path) -> None:
        (Path("labels.txt")).write_text("zero\none\ntwo\n")
        assert specc("compile", "digits.cnn", "-o", "digits.onnx", "--labels", "labels.txt").code == 0
        for name in ("digits.onnx", "digits.specc.json"):
            assert Path(name).read_bytes() == original.with_name(name).read_bytes()

    def test_without_one(self, specc: Specc) -> None:
        assert specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify", "--no-sidecar").code == 0
        assert not Path("d.specc.json").exists()

    def test_one_of_an_earlier_file_is_named(self, specc: Specc) -> None:
        assert specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify").code == 0
        before = Path("d.specc.json").read_bytes()
        result = specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify", "--no-sidecar", "--seed", 1)
        assert "note: d.specc.json is of an earlier file" in result.out
        assert Path("d.specc.json").read_bytes() == before

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--labels", "labels.txt", "--no-sidecar"], "--no-sidecar leaves it out"),
            (["--labels", "none.txt"], "none.txt cannot be read: no such file"),
            (["--labels", "digits.onnx.bin"], "is not UTF-8"),
            (["--labels", "digits.cnn"], "label 1 is empty"),
            (["-o", "d.py", "--labels", "labels.txt"], "this writes PyTorch"),
            (["-o", "d.py", "--no-sidecar"], "this writes PyTorch"),
            (["--save-weights", "d.specc.json", "-o", "d.onnx"], "d.specc.json is the sidecar of d.onnx"),
            (["--labels", "d.specc.json", "-o", "d.onnx"], "d.specc.json is read by this command"),
        ],
    )
    def test_what_makes_no_sense_is_refused_and_nothing_is_written(
        self, specc: Specc, options: list[str], message: str
    ) -> None:
        Path("digits.onnx.bin").write_bytes(b"\xff\xfe")
        there = sorted(Path().iterdir())
        result = specc("compile", "digits.cnn", "--no-verify", *options)
        assert result.code == 2
        assert message in result.err
        assert sorted(Path().iterdir()) == there

    def test_a_spec_is_not_overwritten_by_the_sidecar(self, specc: Specc) -> None:
        """JSON is read as YAML, and a spec may be called anything."""
        Path("d.specc.json").write_text('[{"model": "M", "input": ["N", 3], "body": ["relu"]}]')
        result = specc("compile", "d.specc.json", "-o", "d.onnx", "--no-verify")
        assert result.code == 2
        assert "read by this command" in result.err

    @pytest.mark.parametrize("old", [None, "old"])
    @pytest.mark.parametrize("error", [PermissionError(1, "no"), KeyboardInterrupt()])
    def test_both_files_or_none_when_the_second_cannot_be_put(
        self, specc: Specc, monkeypatch: pytest.MonkeyPatch, old: str | None, error: BaseException
    ) -> None:
        real = Path.replace

        def put(self: Path, target: Path) -> Path:
            if target.name == "d.onnx":
                raise error
            return real(self, target)

        for name in ("d.onnx", "d.specc.json") if old else ():
            Path(name).write_text(old or "")
        before = {path: path.read_bytes() for path in Path().iterdir()}
        monkeypatch.setattr(Path, "replace", put)
        assert specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify").code in (2, 130)
        assert {path: path.read_bytes() for path in Path().iterdir()} == before

    @pytest.mark.parametrize(("link", "file"), [("d.specc.json", "d.onnx"), ("d.onnx", "d.specc.json")])
    def test_two_names_of_one_file(self, specc: Specc, link: str, file: str) -> None:
        Path(file).write_text("old")
        Path(link).symlink_to(file)
        result = specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify")
        assert result.code == 2
        assert "d.specc.json, where the sidecar goes, and d.onnx are the same file" in result.err
        assert Path(file).read_text() == "old"

    def test_what_it_is_to_run_on_travels(self, specc: Specc) -> None:
        targets = ("--runs-on", "onnxruntime >= 1.16", "--runs-on", "onnxruntime-web")
        assert specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify", *targets).code == 0
        value = json.loads(Path("d.specc.json").read_text(encoding="utf-8"))
        assert value["runs_on"] == ["onnxruntime>=1.16", "onnxruntime-web"]
        assert "runs on    onnxruntime>=1.16, onnxruntime-web\n" in specc("inspect", "d.onnx").out

    @pytest.mark.parametrize("place", ["d.onnx", "d.specc.json"])
    def test_both_files_or_none(self, specc: Specc, place: str) -> None:
        Path(place).mkdir()
        result = specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify")
        assert result.code == 2
        assert f"cannot write {place}: it is a folder" in result.err
        assert sorted(path.name for path in Path().iterdir()) == sorted(["digits.cnn", "labels.txt", place])

    def test_a_failed_proof_leaves_both_as_they_were(self, specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
        from specc.ops.activation import Relu

        monkeypatch.setattr(Relu, "onnx", lambda self, build, values, *inputs: build.node("Abs", *values))
        for name in ("d.onnx", "d.specc.json"):
            Path(name).write_text("old")
        assert specc("compile", "digits.cnn", "-o", "d.onnx").code == 1
        assert {Path(name).read_text() for name in ("d.onnx", "d.specc.json")} == {"old"}

    def test_a_disk_that_fills_at_the_end(self, specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
        from specc.atomic import AtomicFile
        from specc.diagnostics import UsageError

        def full(self: AtomicFile, data: bytes) -> None:
            raise UsageError("cannot write d.onnx: the disk is full")

        monkeypatch.setattr(AtomicFile, "append", full)
        Path("d.onnx").write_text("old")
        assert specc("compile", "digits.cnn", "-o", "d.onnx", "--no-verify").code == 2
        assert Path("d.onnx").read_text() == "old"
        assert sorted(path.name for path in Path().iterdir()) == ["d.onnx", "digits.cnn", "labels.txt"]


class TestInspect:
    def test_ours(self, specc: Specc, model: Path) -> None:
        result = specc("inspect", model)
        assert result.code == 0
        assert result.out.startswith("digits.onnx: Digits, made by specc ")
        for fact in ("opset 18, IR 8", "input: float32 [N, 1, H, W]", "seed 0", "proven on cpu", "belongs to it"):
            assert fact in result.out

    def test_json(self, specc: Specc, model: Path) -> None:
        value = json.loads(specc("inspect", model, "--format", "json").out)
        assert value["version"] == 1
        assert value["made_by_specc"] is True
        assert value["sidecar"]["belongs"] is True
        assert value["outputs"] == [{"name": "output", "dtype": "float32", "shape": ["N", 3]}]

    def test_changed(self, specc: Specc, model: Path) -> None:
        touched(model)
        result = specc("inspect", model)
        assert result.code == 1
        assert "what it says of itself was said of other bytes" in result.out
        assert "digits.specc.json does not belong to it" in result.out

    def test_foreign(self, specc: Specc, model: Path) -> None:
        proto = onnx.load(model)
        del proto.metadata_props[:]
        proto.producer_name, proto.graph.name = "other", "a\nb\x1b[31m"
        proto.metadata_props.add(key="author", value="x\n\x1b[0m")
        onnx.save(proto, "other.onnx")
        result = specc("inspect", "other.onnx")
        assert result.code == 0
        assert "not made by specc, but by other" in result.out
        assert "author = x\\n\\x1b[0m" in result.out
        assert "\x1b" not in result.out

    def test_another_sidecar(self, specc: Specc, model: Path) -> None:
        Path("digits.specc.json").rename("elsewhere.json")
        assert "none beside it" in specc("inspect", model).out
        assert "elsewhere.json belongs to it" in specc("inspect", model, "--sidecar", "elsewhere.json").out
        assert specc("inspect", model, "--sidecar", "none.json").code == 2

    @pytest.mark.parametrize(("content", "message"), [("{", "is no JSON"), ("{}", "  format: Field required")])
    def test_a_damaged_sidecar_hides_nothing(self, specc: Specc, model: Path, content: str, message: str) -> None:
        Path("digits.specc.json").write_text(content)
        result = specc("inspect", model)
        assert result.code == 2
        assert message in result.out
        assert "input: float32 [N, 1, H, W]" in result.out
        assert f"sidecar    {Path('digits.specc.json')} is no" in specc("inspect", model.absolute()).out

    @pytest.mark.parametrize("content", [b"", b"no onnx"])
    def test_unreadable(self, specc: Specc, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.onnx").write_bytes(content)
        result = specc("inspect", tmp_path / "a.onnx")
        assert (result.code, result.out) == (2, "")
        assert "is no ONNX file" in result.err

    @pytest.mark.parametrize("command", [["inspect"], ["embed", "--language", "cpp"]], ids=lambda command: command[0])
    def test_needs_neither_torch_nor_onnxruntime(self, model: Path, command: list[str]) -> None:
        program = (
            "import sys; sys.modules['torch'] = sys.modules['onnxruntime'] = None\n"
            f"sys.argv = ['specc', *{command!r}, {str(model.absolute())!r}]\n"
            "from specc.cli.main import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr


class TestGolden:
    def test_holds(self, specc: Specc, model: Path) -> None:
        result = specc("verify", model)
        assert result.code == 0
        assert result.out.splitlines()[-1].startswith("digits.onnx gives the golden output on cpu, onnxruntime ")

    def test_json_in_a_file(self, specc: Specc, model: Path) -> None:
        assert specc("verify", model, "--format", "json", "-o", "report.json").code == 0
        value = json.loads(Path("report.json").read_text())
        assert value["passed"] is True
        assert [check["check"] for check in value["checks"]] == ["belongs", "interface", "golden pair", "golden pair"]

    def test_does_not_belong(self, specc: Specc, model: Path) -> None:
        touched(model)
        result = specc("verify", model)
        assert result.code == 1
        assert "failed  belongs: digits.specc.json does not belong to digits.onnx" in result.out
        assert "digits.onnx is not what digits.specc.json says: belongs" in result.out

    def test_nothing_to_test(self, specc: Specc, model: Path) -> None:
        Path("net.cnn").write_text(SPEC)
        assert specc("compile", "net.cnn", "-o", "net.onnx", "--no-verify").code == 0
        result = specc("verify", "net.onnx")
        assert result.code == 3
        assert "has no golden pair" in result.out

    @pytest.mark.parametrize("output", ["digits.specc.json", "./digits.specc.json", "digits.data", "digits.onnx"])
    @pytest.mark.parametrize("spec", [[], ["digits.cnn"]])
    def test_no_report_over_what_belongs_to_the_file(
        self, specc: Specc, model: Path, output: str, spec: list[str]
    ) -> None:
        onnx.save(onnx.load(model), model, save_as_external_data=True, location="digits.data", size_threshold=64)
        before = {path: path.read_bytes() for path in Path().iterdir()}
        result = specc("verify", *spec, model, "--format", "json", "-o", output)
        assert result.code == 2
        assert f"{output} is read by this command" in result.err
        assert {path: path.read_bytes() for path in Path().iterdir()} == before

    def test_what_steers_a_terminal_is_shown(self, specc: Specc, model: Path) -> None:
        proto = onnx.load(model)
        proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "\x1b[31m"
        onnx.save(proto, model)
        result = specc("verify", model)
        assert result.code == 1
        assert "\x1b" not in result.out
        assert "[N, 1, \\x1b[31m, W]" in result.out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["digits.onnx", "--sidecar", "none.json"], "none.json is not there"),
            (["none.onnx"], "there is no none.onnx"),
            (["digits.onnx", "--format", "html"], "--format html is for a proof against a spec"),
            (["alone.onnx"], "alone.specc.json is not there"),
            (["digits.cnn.onnx"], "is no ONNX file"),
        ],
    )
    def test_what_cannot_be_read(self, specc: Specc, model: Path, arguments: list[str], message: str) -> None:
        Path("alone.onnx").write_bytes(model.read_bytes())
        Path("digits.cnn.onnx").write_text("no onnx")
        Path("digits.cnn.specc.json").write_bytes(Path("digits.specc.json").read_bytes())
        result = specc("verify", *arguments)
        assert result.code == 2
        assert message in result.err

    def test_without_onnxruntime(self, specc: Specc, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        result = specc("verify", model)
        assert result.code == 2
        assert "onnxruntime, which is not installed" in result.err


def test_the_schema_of_sidecars(specc: Specc, original: Path) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(specc("schema", "--sidecar").out)
    Draft202012Validator(schema).validate(json.loads(original.with_name("digits.specc.json").read_text()))
