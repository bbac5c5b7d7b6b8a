"""The pages' own files, and other people's."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

from stagelight.web import view_static

STATIC = files("stagelight.web") / "static"


def test_vendored_files_are_what_their_list_says():
    """Every file under vendor/ has the sha256, version and licence that README.md gives it."""
    vendor = STATIC / "vendor"
    listed = re.findall(
        r"^\| (\S+) \| [\w.]+ \| [\d.]+ \| .+? \| ([0-9a-f]{64}) \|$", (vendor / "README.md").read_text(), re.MULTILINE
    )

    sums = {
        entry.name: hashlib.sha256(entry.read_bytes()).hexdigest()
        for entry in vendor.iterdir()
        if entry.name != "README.md"
    }
    assert sums == dict(listed)
    assert len(listed) == 5


def test_our_own_scripts_stay_small():
    """Modules of our own under 20 KB in all."""
    own = [asset.body for path, asset in view_static.assets().items() if path.endswith(".js") and "/" not in path]

    assert 0 < sum(map(len, own)) < 20_000


def test_nothing_but_pages_files_can_be_asked_for():
    """Scripts, styles and pictures, and no path leads out."""
    assert {path.rpartition(".")[2] for path in view_static.assets()} == {"js", "css", "svg"}
    assert not any(".." in path for path in view_static.assets())


def test_templates_and_scripts_need_no_exception_from_the_policy():
    """No inline style, script or handler in any template; no HTML made of strings in any script."""
    templates = [entry.read_text() for entry in (files("stagelight.web") / "templates").iterdir()]
    scripts = [
        asset.body.decode() for path, asset in view_static.assets().items() if path.endswith(".js") and "/" not in path
    ]

    for text in templates:
        assert not re.search(r"""\sstyle=|\son\w+=|<script>|<style|javascript:|\|\s*safe""", text)
    for text in scripts:
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|\.style\b", text)


def test_the_address_changes_with_the_content():
    """A digest stands in every file's path, so nobody sees yesterday's script with today's page."""
    assert re.fullmatch(r"[0-9a-f]{12}", view_static.version())
