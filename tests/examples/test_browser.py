"""The page of examples/browser in Chromium.

A network is trained and compiled with its proof, and answers in the page what it answers here.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import specc
from tests.examples.chromium import HERE, MODULES, PAGE, assembled, visited

pytestmark = pytest.mark.example

SIGNAL = "model Signal : (wave: [N, 2, 64]) -> [N, 4] { conv(4, 3) -> relu -> globalavgpool -> flatten -> fc(4) }"
MASK = "model Mask : (image: [N, 1, 16, 16]) -> (mask: [N, 2, 16, 16]) { conv(2, 3, padding=1) }"
PAIR = "model Pair : (a: [N, 1, 8, 8], b: [N, 1, 8, 8]) -> [N, 4] { add { | a | b } -> flatten -> fc(4) }"
PLAIN = "model Plain : (image: [N, 1, 28, 28]) -> (share: [N, 10]) { flatten -> fc(32) -> relu -> fc(10) -> softmax }"
SCALED = "model Scaled : [N, 1, 16, 16] -> [N, 3] { affine(1 / 255) -> conv(3, 3) -> globalavgpool -> flatten }"
COLOUR = """
model Colour : (image: uint8 [N, H, W, 3]) -> (scores: [N, 12]) where H % 8 == 0, W % 8 == 0 {
  permute(0, 3, 1, 2) -> affine(1 / 255) -> standardize([0.5, 0.4, 0.3], [0.2, 0.25, 0.3])
  conv(8, 3, stride=2, padding=1) -> relu -> globalavgpool -> flatten -> fc(12)
}
"""
COLOURS = ["red", "orange", "yellow", "green", "cyan", "blue", "violet", "pink", "brown", "black", "white", "grey"]

STROKES = {
    "0": [[
        [0.5, 0.15], [0.33, 0.25], [0.3, 0.5], [0.35, 0.75], [0.5, 0.85],
        [0.65, 0.75], [0.7, 0.5], [0.65, 0.25], [0.5, 0.15],
    ]],
    "4": [[[0.4, 0.15], [0.3, 0.55], [0.7, 0.55]], [[0.6, 0.3], [0.55, 0.85]]],
    "7": [[[0.3, 0.2], [0.7, 0.2], [0.45, 0.85]], [[0.38, 0.52], [0.7, 0.5]]],
}  # fmt: skip
"""Digits as somebody draws them: strokes through places of the board."""

DASH = np.zeros((280, 280), np.uint8)
DASH[200:220, 40:240] = 255


# --- What is visited ---


def as_in_mnist(seed: int) -> np.ndarray:
    """Something in 28 x 28 as every digit of MNIST is: its longer side 20, its centre of mass from 14 up to 15."""
    rng = np.random.default_rng(seed)
    sides = rng.permutation([20, rng.integers(4, 21)])
    ink = rng.integers(1, 256, sides, np.uint8)
    image = np.zeros((28, 28), np.uint8)
    masses = [(np.arange(side) + 0.5) @ ink.sum(1 - axis) / ink.sum() for axis, side in enumerate(sides)]
    top, left = (next(place for place in range(28) if 14 <= place + mass < 15) for mass in masses)
    image[top : top + sides[0], left : left + sides[1]] = ink
    return image


def enlarged(image: np.ndarray, times: int, down: int, right: int) -> list[int]:
    """Drawn somewhere on a board of 280 x 280."""
    board = np.zeros((280, 280), np.uint8)
    ink = np.kron(image, np.ones((times, times), np.uint8))
    board[down : down + len(ink), right : right + len(ink)] = ink
    return board.ravel().tolist()


def trained() -> tuple[specc.Model, dict[str, torch.Tensor], np.ndarray, np.ndarray]:
    """A network that knows scikit-learn's digits, its weights, and 200 digits as bytes that it has not seen."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(np.rint(digits.images * 255 / 16).astype(np.uint8)).unsqueeze(1)
    classes = torch.from_numpy(digits.target)
    model = specc.load(PAGE / "digits.cnn")
    network = model.to_torch(seed=0)
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    known, unknown = order[200:], order[:200]
    for _ in range(15):
        for batch in known[torch.randperm(len(known))].split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[batch]), classes[batch]).backward()
            optimizer.step()
    return model, network.state_dict(), images[unknown].numpy(), classes[unknown].numpy()


def png(path: Path, pixels: np.ndarray) -> str:
    """Grey or coloured bytes, [H, W] or [H, W, 3], as a file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return str(path)


def changed(site: Path, name: str, **fields: Any) -> None:
    """The trained network under another name, with fields of its sidecar changed."""
    shutil.copyfile(site / "net.onnx", site / f"{name}.onnx")
    sidecar = json.loads((site / "net.specc.json").read_text("utf-8"))
    (site / f"{name}.specc.json").write_text(json.dumps(sidecar | fields), "utf-8")


def spoil(site: Path) -> None:
    """Files beside the page's own that are damaged, or do not belong together."""
    whole, sidecar = (site / "net.onnx").read_bytes(), (site / "net.specc.json").read_bytes()
    middle = len(whole) // 2
    changed(site, "damaged")
    (site / "damaged.onnx").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    changed(site, "lonely")
    (site / "lonely.specc.json").unlink()
    (site / "gone.specc.json").write_bytes(sidecar)
    changed(site, "cut")
    (site / "cut.specc.json").write_bytes(sidecar[:-200])
    changed(site, "newer", format=2)
    changed(site, "list")
    (site / "list.specc.json").write_text("[]")
    golden = json.loads(sidecar)["golden"]
    (output,) = golden["outputs"]
    output["allowed"][3] = 0.0
    changed(site, "off", golden=golden)
    changed(site, "foreign", golden=golden | {"inputs": [golden["inputs"][0] | {"name": "picture"}]})
    changed(site, "untested", golden=None)


@pytest.fixture(scope="module")
def digits() -> tuple[specc.Model, dict[str, torch.Tensor], np.ndarray, np.ndarray]:
    return trained()


@pytest.fixture(scope="module")
def site(digits: tuple[Any, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as assemble.py puts it together, and other networks and pictures beside it."""
    folder = tmp_path_factory.mktemp("site")
    model, weights, images, _ = digits
    model.to_onnx(folder / "digits.onnx", weights=weights)
    page = folder / "page"
    assembled(folder / "digits.onnx", page).check_returncode()
    spoil(page)
    specc.loads(PLAIN).to_onnx(page / "plain.onnx")
    specc.loads(COLOUR).to_onnx(page / "colour.onnx", labels=COLOURS)
    for name, text in {"scaled": SCALED, "signal": SIGNAL, "mask": MASK, "pair": PAIR}.items():
        specc.loads(text).to_onnx(page / f"{name}.onnx")
    png(page / "digit.png", images[0, 0])
    png(page / "photo.png", np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    (page / "notes.png").write_text("no picture")
    return page


@pytest.fixture(scope="module")
def seen(site: Path) -> dict[str, Any]:
    """All visits, made once: what was seen in each, after each action."""
    return visited(site, functools.partial(visits, site))


DRAWINGS = [enlarged(as_in_mnist(seed), 4 + seed, 11 * seed, 40 - 9 * seed) for seed in range(4)]


def visits(site: Path, base: str) -> dict[str, dict[str, Any]]:
    files = {path.name: str(path) for path in site.iterdir() if path.is_file()}
    phone = {"viewport": {"width": 360, "height": 700}, "scheme": "dark"}
    refused = "gone lonely damaged cut newer list off foreign signal mask pair".split()
    return {
        "drawn": {"address": base, "actions": [
            *(step for digit in STROKES.values() for step in (["draw", digit], ["click", "#clear"])),
            ["draw", STROKES["7"]], ["picture", str(site.parent / "page.png")],
        ]},
        "opened": {"address": base, "actions": [
            ["open", [files["digit.png"]]],
            ["open", [files["notes.png"]]],
            ["open", [files["damaged.onnx"], files["damaged.specc.json"]]],
            ["open", [files["plain.onnx"]]],
            ["open", [files["plain.onnx"], files["plain.specc.json"]]],
            ["drop", []],
            ["drop", [["notes.txt", "no picture"]]],
        ]},
        "fitted": {"address": base, "actions": [
            ["fit", DRAWINGS, 280, 28, "mnist"],
            ["fit", DRAWINGS, 280, 32, "mnist"],
            ["fit", [[0] * 280**2, DASH.ravel().tolist()], 280, 8, "nist"],
        ]},
        "phone": {"address": base, **phone, "actions": [
            ["touch", STROKES["0"][0]], ["picture", str(site.parent / "phone.png")],
        ]},
        "keyboard": {"address": base, "actions": [
            ["keys", ["Tab", "Space", *["ArrowDown"] * 14, "Space"]], ["keys", ["Delete"]],
        ]},
        "plain": {"address": f"{base}?model=plain.onnx&black=-0.5&white=2.75", "actions": [["draw", STROKES["4"]]]},
        "scaled": {"address": f"{base}?model=scaled.onnx", "actions": [["draw", STROKES["0"]]]},
        "colour": {"address": f"{base}?model=colour.onnx", "actions": [["open", [files["photo.png"]]]]},
        "untested": {"address": f"{base}?model=untested.onnx"},
        "without WebAssembly": {"address": base, "without": ["WebAssembly"]},
        "without hashes": {"address": base, "without": ["Crypto.prototype.subtle"]},
        "without app.js": {"address": base, "missing": ["app.js"]},
        "without model.js": {"address": base, "missing": ["model.js"]},
        "without onnxruntime-web": {"address": base, "missing": ["ort.wasm.bundle.min.mjs"]},
        "without its WebAssembly": {"address": base, "missing": ["*.wasm"]},
        "without a server": {"address": (site / "index.html").as_uri()},
        "?modle": {"address": f"{base}?modle=plain.onnx"},
        "?fit": {"address": f"{base}?fit=usps"},
        "?side": {"address": f"{base}?side=9"},
        "?side of colour": {"address": f"{base}?model=colour.onnx&side=30"},
        "?white of bytes": {"address": f"{base}?white=16"},
        **{name: {"address": f"{base}?model={name}.onnx"} for name in refused},
    }  # fmt: skip


# --- What is seen there ---


def answer_here(model: Path, tensor: np.ndarray) -> np.ndarray:
    """The probabilities that onnxruntime gives in Python; the softmax of scores is taken in float64."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {session.get_inputs()[0].name: tensor})
    if "share" in session.get_outputs()[0].name:
        return scores[0]
    powers = np.exp(scores[0].astype(np.float64) - scores.max())
    return powers / powers.sum()


def pixels(step: dict[str, Any]) -> np.ndarray:
    """What the page shows that the network sees: [H, W, 3]."""
    return np.array(step["pixels"], np.uint8).reshape(*step["size"], 3)


def shares(step: dict[str, Any]) -> np.ndarray:
    return np.array([share for _, share in step["shares"]])


def the_same_as_here(step: dict[str, Any], model: Path, tensor: np.ndarray) -> None:
    right = answer_here(model, tensor)
    assert np.abs(shares(step) - right).max() < 1e-5
    best = step["shares"][int(right.argmax())][0]
    assert step["answer"].startswith(f"{best}, with {100 * right.max():.1f} %")


def test_the_network_has_learned(digits: tuple[Any, ...], site: Path) -> None:
    _, _, images, classes = digits
    right = [answer_here(site / "net.onnx", image[None]).argmax() for image in images]
    assert np.mean(right == classes) > 0.95


def test_the_golden_pair_fits(seen: dict[str, Any]) -> None:
    first = seen["drawn"]["steps"][0]
    assert first["state"] == "ready"
    words = r"Digits fits this browser: the golden pair is off by (\S+), where (\S+) is allowed\."
    found = re.fullmatch(words, first["status"])
    assert found is not None
    assert 0 <= float(found[1]) <= float(found[2]) < 1e-4
    assert "proven on cpu" in first["notes"]
    assert "Drawings are scaled to the whole height and 5/8 of the width, as in NIST" in first["notes"]


def test_drawn_digits_are_known_and_the_same_as_here(seen: dict[str, Any], site: Path) -> None:
    for digit, step in zip(STROKES, seen["drawn"]["steps"][1:-2:2], strict=True):
        grey = pixels(step)[..., 0]
        assert grey.any(axis=1).all(), "the digit fills the height of 8 x 8"
        assert not grey[:, [0, 7]].any(), "and at most 5/8 of its width, in the middle"
        the_same_as_here(step, site / "net.onnx", grey[None, None])
        assert step["answer"].startswith(f"{digit}, "), step["answer"]
    for cleared in seen["drawn"]["steps"][2:-2:2]:
        assert (cleared["answer"], cleared["shares"]) == ("Nothing is drawn yet.", [])
        assert not pixels(cleared).any()


def test_a_picture_of_its_size_is_taken_as_it_is(seen: dict[str, Any], digits: tuple[Any, ...], site: Path) -> None:
    _, _, images, classes = digits
    step = seen["opened"]["steps"][1]
    assert (pixels(step) == images[0, 0][..., None]).all()
    the_same_as_here(step, site / "net.onnx", images[:1])
    assert step["answer"].startswith(f"{classes[0]}, ")


def test_what_cannot_be_opened_leaves_the_network(seen: dict[str, Any]) -> None:
    _, digit, picture, damaged, lonely, plain, nothing, notes = seen["opened"]["steps"]
    assert digit["problem"] == ""
    assert picture["problem"] == "notes.png is no picture that this browser can read. The page goes on with net.onnx."
    assert damaged["problem"].startswith("damaged.onnx is not the file that damaged.specc.json is about: its ")
    assert damaged["problem"].endswith("copy both again. The page goes on with net.onnx.")
    assert lonely["problem"].startswith("plain.onnx comes without plain.specc.json, which says what goes in")
    assert (plain["problem"], plain["answer"]) == ("", "Nothing is drawn yet.")
    assert plain["status"].startswith("Plain fits this browser")
    assert nothing["problem"].startswith("That is no file")
    assert notes["problem"] == "notes.txt is no picture that this browser can read. The page goes on with plain.onnx."
    assert {step["state"] for step in seen["opened"]["steps"]} == {"ready"}


def test_on_a_phone(seen: dict[str, Any]) -> None:
    _, drawn, _ = seen["phone"]["steps"]
    assert drawn["answer"].startswith("0, ")
    assert drawn["overflow"] <= 0
    assert drawn["answerAt"] < 700, "the answer is seen without scrolling"


def test_by_keyboard(seen: dict[str, Any]) -> None:
    _, drawn, cleared = seen["keyboard"]["steps"]
    assert drawn["answer"].startswith("1, ")
    assert cleared["answer"] == "Nothing is drawn yet."


def test_what_a_screen_reader_finds(seen: dict[str, Any]) -> None:
    tree = seen["phone"]["steps"][1]["tree"]
    for part in (
        'heading "Draw and classify" [level=1]', 'status: "Digits fits this browser', 'application "Board to draw on"',
        'button "Clear"', 'button "Open files"', 'table "Probability of each class"', 'rowheader "7"',
        'img "What the network sees"',
    ):  # fmt: skip
        assert part in tree, tree


def test_numbers_and_28_by_28(seen: dict[str, Any], site: Path) -> None:
    """Scaled into 20 x 20 and centred by mass, as MNIST is; black and white are what the address says."""
    first, step = seen["plain"]["steps"]
    assert "black becomes -0.5 and white 2.75" in first["notes"]
    assert "No layer says what the axes of image are: taken as NCHW." in first["notes"]
    assert "softmax" not in first["notes"]
    grey = pixels(step)[..., 0].astype(np.float64)
    rows, columns = np.flatnonzero(grey.sum(1)), np.flatnonzero(grey.sum(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for axis in (0, 1):
        assert 13.95 < grey.sum(axis) @ (np.arange(28) + 0.5) / grey.sum() < 15.05
    the_same_as_here(step, site / "plain.onnx", (-0.5 + 3.25 * grey / 255).astype(np.float32)[None, None])


def test_numbers_that_the_network_normalises(seen: dict[str, Any], site: Path) -> None:
    """The sidecar says that 255 are divided by, so white is 255 without being told."""
    first, step = seen["scaled"]["steps"]
    assert "normalises them by itself (mean 0; std 255): black becomes 0 and white 255" in first["notes"]
    the_same_as_here(step, site / "scaled.onnx", pixels(step)[None, None, ..., 0].astype(np.float32))


def test_digits_of_mnist_come_back_byte_for_byte(seen: dict[str, Any]) -> None:
    """Whatever their size and their place on the board; for LeNet-5 with two pixels around them."""
    _, small, large, _ = seen["fitted"]["steps"]
    for seed, (image, wide) in enumerate(zip(small["result"], large["result"], strict=True)):
        assert (np.reshape(image, (28, 28)) == as_in_mnist(seed)).all()
        assert (np.reshape(wide, (32, 32)) == np.pad(as_in_mnist(seed), 2)).all()


def test_nothing_and_a_dash(seen: dict[str, Any]) -> None:
    nothing, dash = seen["fitted"]["steps"][3]["result"]
    assert nothing is None
    image = np.reshape(dash, (8, 8))
    assert (image == image[::-1]).all(), "in the middle"
    assert (image == image[:, ::-1]).all()
    assert np.ptp(np.flatnonzero(image.sum(1))) < np.ptp(np.flatnonzero(image.sum(0))), "still wider than high"


def test_colours_channels_last_and_open_sizes(seen: dict[str, Any], site: Path) -> None:
    first, step = seen["colour"]["steps"]
    assert "Pictures may have several sizes: 32 x 32 is taken" in first["notes"]
    image = pixels(step)
    assert image.shape == (32, 32, 3)
    assert (image == np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).all()
    right = answer_here(site / "colour.onnx", image[None])
    order = np.argsort(-right)[:10]
    assert [label for label, _ in step["shares"]] == [COLOURS[i] for i in order]
    assert np.abs(shares(step) - right[order]).max() < 1e-5
    assert step["answer"].endswith("The first 10 of 12 classes:")


def test_nothing_comes_from_elsewhere(seen: dict[str, Any]) -> None:
    for name, visit in seen.items():
        hosts = {re.sub(r"(?<=localhost):\d+", "", address).split("/")[2] for address in visit["requests"]}
        assert hosts <= {"localhost", ""}, name
        assert not visit["errors"], name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", r"gone\.onnx is not there: the server answers 404"),
        ("lonely", r"lonely\.specc\.json is not there: the server answers 404"),
        ("damaged", r"damaged\.onnx is not the file that damaged\.specc\.json is about: its [\d,]+ bytes have sha256 "),
        ("cut", r"cut\.specc\.json is no JSON, so it is damaged or something else"),
        ("newer", r"newer\.specc\.json has format 2, and this page reads 1"),
        ("list", r"list\.specc\.json is no sidecar"),
        (
            "off",
            r"This browser does not compute what was proven of off\.onnx: on the golden input, channel 3 of scores is "
            r"off by \S+, and 0\.0e\+0 is allowed\. Nothing is guessed",
        ),
        ("foreign", r"foreign\.specc\.json contradicts itself: picture is none of its inputs\."),
        ("signal", r"wave is no picture: its shape is \[N, 2, 64\] \(NCL\)\."),
        ("mask", r"The network is no classifier: no output has a number for each class: mask \[N, 2, 16, 16\]\."),
        ("pair", r"The network takes 2 inputs \(a, b\), and this page has one picture\."),
        ("without WebAssembly", r"This browser has no WebAssembly, or it is switched off"),
        ("without app.js", r"http://localhost:\d+/app\.js cannot be loaded: the page is not whole\."),
        ("without model.js", r"http://localhost:\d+/app\.js cannot be loaded: the page is not whole\."),
        ("without onnxruntime-web", r"onnxruntime-web cannot be loaded from http://localhost:\d+/ort/: "),
        ("without its WebAssembly", r"ort-wasm-simd-threaded\.wasm is not there: the server answers 404"),
        ("without a server", r"This page was opened as a file.*python -m http\.server"),
        ("?modle", r"\?modle is not known to this page: model, side, black, white, fit are\."),
        ("?fit", r"\?fit=usps is not known: mnist and nist are\."),
        ("?side", r"image is 8 x 8 and nothing else: leave \?side out"),
        ("?side of colour", r"H = 30 is not allowed: the nearest size that the network takes is 32\."),
        ("?white of bytes", r"image takes bytes, 0 to 255: leave \?black and \?white out"),
    ],
)  # fmt: skip
def test_what_is_refused(seen: dict[str, Any], name: str, words: str) -> None:
    (step,) = seen[name]["steps"]
    assert (step["state"], step["status"]) == ("refused", "")
    assert re.match(words, step["problem"]), step["problem"]


def test_what_is_not_known_is_said(seen: dict[str, Any]) -> None:
    (untested,) = seen["untested"]["steps"]
    assert untested["state"] == "ready"
    assert "It is not tested in this browser: untested.specc.json has no golden pair." in untested["notes"]
    (unhashed,) = seen["without hashes"]["steps"]
    assert unhashed["status"].startswith("Digits fits this browser")
    assert "That net.specc.json is about net.onnx is seen by the golden pair alone" in unhashed["notes"]


# --- Without a browser ---


def test_the_readme_installs_what_is_tested() -> None:
    required = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
    named = re.search(r"npm install onnxruntime-web@(\S+)", (PAGE / "README.md").read_text("utf-8"))
    assert named is not None
    assert named[1] == required["onnxruntime-web"]


def test_text_can_be_read_in_both_schemes() -> None:
    """A contrast of 4.5, level AA of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    schemes = re.findall(r":root \{(.*?)\}", (PAGE / "style.css").read_text("utf-8"), re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w{6});", scheme))
        for ground in ("ground", "panel"):
            for text in ("text", "quiet", "problem", "accent"):
                dark, light = sorted(luminance(colours[name]) for name in (ground, text))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, text)


@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ("net.onnx", "net.onnx is not there: compile one: specc compile SPEC -o net.onnx"),
        ("net.specc.json", "net.specc.json is not there: specc compile writes it beside the ONNX file"),
        ("node_modules", "npm install onnxruntime-web puts it there, or name another folder with --modules"),
    ],
)
def test_a_page_is_whole_or_none(lacks: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    (tmp_path / "net.specc.json").touch()
    modules = tmp_path / "none" if lacks == "node_modules" else MODULES
    if lacks != "node_modules":
        (tmp_path / lacks).unlink()
    done = assembled(tmp_path / "net.onnx", tmp_path / "page", modules)
    assert done.returncode == 1
    assert words in done.stderr
    assert not (tmp_path / "page").exists()
