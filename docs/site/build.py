"""The documentation as a site: `make docs-site`.

    python -m docs.site.build [--into build/site] [--playground FOLDER]

    build/site/index.html       leads to the newest version
    build/site/versions.json    the versions that lie beside it, the newest first
    build/site/latest           the newest version
    build/site/0.1.0/en, zh     one version in each language

Other versions that lie in the folder stay. A warning of Sphinx is an error, and so is a link that leads nowhere.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version
from sphinx.cmd.build import build_main

from docs.site.links import broken_links
from docs.site.pages import ROOT, BrokenLink, editions, stage
from specc.version import __version__

HERE = Path(__file__).parent
SPHINX = {"en": "en", "zh": "zh_CN"}
"""What Sphinx calls the languages."""

REDIRECT = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>specc</title>
<meta http-equiv="refresh" content="0; url={target}">
<a href="{target}">specc</a>
</html>
"""


def build(into: Path, playground: Path | None) -> list[str]:
    """Write this version into the folder, and say what is wrong with it."""
    version = into / __version__
    shutil.rmtree(version, ignore_errors=True)
    found = editions()
    for language, edition in found.items():
        others = [other for other in found.values() if other is not edition]
        pages, seen = (into.parent / "site-pages" / language, into.parent / "site-pages" / f"{language}-seen")
        try:
            stage(edition, others, pages)
        except BrokenLink as broken:
            return [str(broken)]
        tags = ["-t", "playground"] if playground else []
        options = [
            "-q",
            "-W",
            "--keep-going",
            "-c",
            str(HERE),
            "-d",
            str(seen),
            "-D",
            f"language={SPHINX[language]}",
            *tags,
        ]
        if build_main([*options, "-b", "html", str(pages), str(version / language)]):
            return [f"Sphinx has warned of the pages in {language}"]
    if playground:
        shutil.copytree(playground, version / "playground")
    (version / "index.html").write_text(REDIRECT.format(target="en/index.html"), encoding="utf-8")
    list_versions(into)
    return broken_links(version)


def list_versions(into: Path) -> list[str]:
    """Say which versions lie there, and lead to the newest."""
    versions = sorted((path.name for path in into.iterdir() if _is_version(path)), key=Version, reverse=True)
    (into / "versions.json").write_text(json.dumps(versions) + "\n", encoding="utf-8")
    (into / "index.html").write_text(REDIRECT.format(target="latest/en/index.html"), encoding="utf-8")
    latest = into / "latest"
    shutil.rmtree(latest, ignore_errors=True)
    shutil.copytree(into / versions[0], latest)
    return versions


def _is_version(path: Path) -> bool:
    try:
        Version(path.name)
    except InvalidVersion:
        return False
    return path.is_dir()


def main() -> int:
    parser = argparse.ArgumentParser(description="The documentation as a site.")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "site", metavar="FOLDER")
    parser.add_argument("--playground", type=Path, metavar="FOLDER", help="a built playground, to be a part of it")
    arguments = parser.parse_args()
    faults = build(arguments.into.resolve(), arguments.playground)
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201
    if not faults:
        print(f"{arguments.into / __version__}: the site, its links tried")  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
