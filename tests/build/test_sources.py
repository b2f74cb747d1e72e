"""Where code comes from and whose it is: folders without other people's code, packages by any of their names, licenses."""

import io
import os
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from build.core.config import CollectConfig, SourceConfig
from build.core.errors import ConfigError, RunError
from build.core.licenses import all_of, declared, hub_ids, spdx
from build.core.records import RawCode, Reject
from build.sources.fingerprint import fingerprint
from build.sources.wheels import read_wheels
from build.stages import collect as collect_stage
from build.stages.collect import collect

RULES = CollectConfig(min_bytes=1)


def split(source: SourceConfig, rules: CollectConfig = RULES) -> tuple[dict[str, str], dict[str, str]]:
    """Licenses by path of what was kept, and reasons by place of what was not."""
    found = list(collect([source], rules))
    kept = {record.path: record.license for record in found if isinstance(record, RawCode)}
    return kept, {
        record.parent.removeprefix(f"{source.name}/"): record.reason for record in found if isinstance(record, Reject)
    }


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"x = {path!r}\n")
    return root


def test_other_peoples_code_in_a_folder_is_left_out_with_its_reason(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *("mine.py", "build/mine.py", "build/__init__.py", "pkg/vendors.py", "pkg/library/code.py", "external/api.py"),
        *("env/pyvenv.cfg", "env/lib/a.py", "old/bin/activate", "old/lib/b.py", "conda/conda-meta/x", "conda/c.py"),
        *(".tox/d.py", "web/node_modules/gyp/e.py", "lib/site-packages/f.py", "eggs/x.egg/g.py"),
        *(
            "pkg/_vendor/six/h.py",
            "pkg/third_party/i.py",
            "pkg/externals/j.py",
            "sub/.git",
            "sub/k.py",
            "clone/.git/HEAD",
        ),
        *(
            "clone/l.py",
            "out/build/lib/mine.py",
            "out/build/lib.linux-x86_64/n.py",
            ".git/HEAD",
            "docs/.hidden/readme.txt",
        ),
    )
    kept, reasons = split(SourceConfig("folder", str(root), license="MIT"))
    assert sorted(kept) == [
        *("build/__init__.py", "build/mine.py", "external/api.py", "mine.py", "pkg/library/code.py", "pkg/vendors.py")
    ]
    assert set(kept.values()) == {"MIT"}
    assert reasons == {
        **dict.fromkeys(("env", "old", "conda"), "virtual_environment"),
        **dict.fromkeys(("web/node_modules", "lib/site-packages", "eggs/x.egg"), "installed_packages"),
        **dict.fromkeys(("pkg/_vendor", "pkg/third_party", "pkg/externals"), "vendored_code"),
        **dict.fromkeys(("sub", "clone"), "other_repository"),
        ".tox": "hidden_folder",
        "out/build": "build_output",
    }


def test_a_folder_that_is_named_itself_is_read_whatever_it_is(tmp_path: Path) -> None:
    root = tree(tmp_path / "node_modules" / ".vendor", "a.py", "pyvenv.cfg", ".git")
    kept, reasons = split(SourceConfig("folder", str(root)))
    assert list(kept) == ["a.py"] and reasons == {}


def test_files_with_a_license_of_their_own_do_not_get_the_recipes(tmp_path: Path) -> None:
    root = tree(tmp_path / "src", "mine.py", "part/a.py", "part/deep/b.py", "same/c.py")
    (tmp_path / "LICENSE").write_text("The text of\nmy license")
    (root / "same" / "LICENSE.txt").write_text("The text of my license\n")
    (root / "part" / "COPYING").write_text("The text of another")
    (root / "part" / "stated.py").write_text("#!/usr/bin/python\n# SPDX-License-Identifier: mit OR Apache-2.0\nx = 9\n")
    any_license = replace(RULES, licenses=("any",))
    kept, _ = split(SourceConfig("folder", str(root), license="BSD 3-Clause License"), any_license)
    assert kept == {
        "mine.py": "BSD-3-Clause",
        "part/a.py": "LicenseRef-part-COPYING",
        "part/deep/b.py": "LicenseRef-part-COPYING",
        "part/stated.py": "MIT OR Apache-2.0",
        "same/c.py": "BSD-3-Clause",
    }


def test_odd_things_in_a_folder_cost_only_themselves(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "folder.py/b.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "codec.py").write_bytes(b"# coding: no-such-codec\nx = 1\n")
    (tmp_path / "rot.py").write_bytes(b"# coding: rot13\nk = 1\n")
    kept, reasons = split(SourceConfig("folder", str(tmp_path)))
    assert list(kept) == ["a.py", "folder.py/b.py"]
    assert Counter(reasons.values()) == {"unreadable": 4}


def test_the_order_of_a_folder_is_that_of_its_paths(tmp_path: Path) -> None:
    root = tree(tmp_path, "a-b.py", "a/z.py", "a.py", "a/b/c.py", "B.py", "a0/x.py")
    kept, _ = split(SourceConfig("folder", str(root)))
    assert list(kept) == [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.py"))]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages on the search path: two names, a module, a namespace of two distributions."""
    site = tmp_path / "site"

    def install(name: str, license: str, *files: str) -> None:
        tree(site, *files)
        about = site / f"{name.replace('-', '_')}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{license}\n")
        (about / "RECORD").write_text("".join(f"{file},,\n" for file in (*files, "../bin/tool.py")))

    install(
        "Two-Names", "License: MIT", "othername/__init__.py", "othername/_vendor/a.py", "othername/b.py", "_other.py"
    )
    install("single", "License-Expression: Apache-2.0", "single.py")
    install("first-part", "License: BSD", "space/one/__init__.py", "space/one/deep.py")
    install("second-part", "Classifier: License :: OSI Approved :: ISC License (ISCL)", "space/two.py")
    (site / "othername" / "fails.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(site))
    yield site
    assert "othername" not in sys.modules and "space" not in sys.modules


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Two-Names", {"_other.py": "MIT", "othername/__init__.py": "MIT", "othername/b.py": "MIT"}),
        ("two_names", {"_other.py": "MIT", "othername/__init__.py": "MIT", "othername/b.py": "MIT"}),
        ("othername", {"__init__.py": "MIT", "b.py": "MIT", "fails.py": "MIT"}),
        ("_other", {"_other.py": "MIT"}),
        ("single", {"single.py": "Apache-2.0"}),
        ("first-part", {"one/__init__.py": "BSD", "one/deep.py": "BSD"}),
        ("space", {"one/__init__.py": "BSD", "one/deep.py": "BSD", "two.py": "ISC"}),
        ("space.one", {"__init__.py": "BSD", "deep.py": "BSD"}),
        ("space.two", {"two.py": "ISC"}),
    ],
)
def test_a_package_goes_by_any_of_its_names(installed: Path, name: str, kept: dict[str, str]) -> None:
    found, reasons = split(SourceConfig("package", name))
    assert found == kept
    assert set(reasons.values()) <= {"vendored_code"}


@pytest.mark.parametrize("name", ["no-such", "sys", "space.three", "", "../x", "a b"])
def test_a_package_that_is_not_there_is_one_sentence(installed: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"source {name}: no package"):
        split(SourceConfig("package", name))


@pytest.mark.parametrize(
    ("stated", "expression", "ids"),
    [
        ("mit", "MIT", ["mit"]),
        ("The MIT License", "MIT", ["mit"]),
        ("Apache License, Version 2.0", "Apache-2.0", ["apache-2.0"]),
        ("BSD 3-Clause", "BSD-3-Clause", ["bsd-3-clause"]),
        ("BSD License", "BSD License", ["bsd"]),
        ("gpl-3.0-or-later", "GPL-3.0-or-later", ["gpl-3.0"]),
        ("mit or (apache-2.0 and psf-2.0)", "MIT OR (Apache-2.0 AND PSF-2.0)", ["apache-2.0", "mit", "other"]),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception", ["other"]),
        ("ODC-BY", "ODC-By-1.0", ["odc-by"]),
        ("LicenseRef-x-LICENSE", "LicenseRef-x-LICENSE", ["other"]),
        ("Dual License", "Dual License", ["other"]),
        ("", "unknown", ["unknown"]),
    ],
)
def test_licenses_are_named_as_spdx_and_as_the_hub_does(stated: str, expression: str, ids: list[str]) -> None:
    assert spdx(stated) == spdx(expression) == expression
    assert hub_ids([expression]) == ids


def test_several_licenses() -> None:
    assert all_of(["MIT", "mit", "Apache 2.0", "GPL-2.0-only OR MIT"]) == "MIT AND Apache-2.0 AND (GPL-2.0-only OR MIT)"
    assert hub_ids(["MIT", "MIT", "unknown", "Apache-2.0 AND MIT"]) == ["apache-2.0", "mit", "unknown"]
    assert hub_ids([]) == ["other"]


@pytest.mark.parametrize(
    ("about", "license"),
    [
        ({"license_expression": "MIT", "license": "x"}, "MIT"),
        ({"license": "BSD"}, "BSD"),
        ({"license": "Dual", "classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"license": "Copyright\nall of it", "classifier": ["License :: OSI Approved :: BSD License"]}, "BSD License"),
        ({"classifier": ["License :: OSI Approved", "License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"license": "UNKNOWN", "classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"license": "Revised BSD License"}, "BSD-3-Clause"),
        ({"license": "x" * 2000}, None),
    ],
)
def test_a_packages_license_is_a_name_and_not_its_text(about: dict[str, Any], license: str | None) -> None:
    assert declared(about) == license


@pytest.mark.parametrize("error", [RuntimeError("odd\nlines"), MemoryError(), io.UnsupportedOperation("read")])
def test_whatever_a_source_raises_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def read(source: SourceConfig) -> Iterator[RawCode]:
        raise error
        yield

    monkeypatch.setattr(collect_stage, "read_folder", read)
    with pytest.raises(RunError, match=f"source {tmp_path}: .*{type(error).__name__}") as told:
        split(SourceConfig("folder", str(tmp_path)))
    assert "\n" not in str(told.value)


def test_a_dataset_with_a_loading_script_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "scripted").mkdir()
    (tmp_path / "scripted" / "scripted.py").write_text("import datasets\n")
    with pytest.raises(ConfigError, match=r"source .*scripted: .*the Hub's loader does not open it") as told:
        split(SourceConfig("hub", str(tmp_path / "scripted")))
    assert "\n" not in str(told.value)


def test_a_fingerprint_changes_with_what_a_source_gives(installed: Path, tmp_path: Path) -> None:
    root = tree(tmp_path / "folder", "a.py", "b/c.py", "b/readme.txt")
    table = tmp_path / "rows.jsonl"
    table.write_text("x" * 3_000_000)
    sources = [
        SourceConfig("folder", str(root)),
        SourceConfig("package", "single"),
        SourceConfig("jsonl", str(table)),
        SourceConfig("folder", str(tmp_path / "nowhere")),
    ]
    before = [fingerprint(source) for source in sources]
    assert before == [fingerprint(source) for source in sources] and before[3] is None
    (root / "b" / "readme.txt").write_text("another")
    assert before == [fingerprint(source) for source in sources]
    (root / "b" / "c.py").rename(root / "b" / "d.py")
    (installed / "single.py").write_text("y = 1\n")
    table.write_text("x" * 2_999_999 + "y")
    assert not set(before[:3]) & {fingerprint(source) for source in sources}


def test_wheels_are_read_with_their_licenses_and_never_unpacked(tmp_path: Path) -> None:
    for name, license, files in (
        (
            "one",
            "License-Expression: BSD-3-Clause",
            {"one/core.py": "ONE = 1\n" * 20, "one/_vendor/x.py": "X = 1\n" * 20},
        ),
        ("two", "Classifier: License :: OSI Approved :: MIT License", {"two.py": "# coding: latin-1\nA = 'é'\n" * 9}),
    ):
        with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\n{license}\n\nAbout.\n"
            )
            for path, content in files.items():
                wheel.writestr(path, content.encode("latin-1"))
    (tmp_path / "broken-1.0-py3-none-any.whl").write_text("no archive")
    found = list(read_wheels(SourceConfig("wheels", str(tmp_path))))
    records = {one.path: (one.license, one.content[-4:]) for one in found if isinstance(one, RawCode)}
    assert records == {"one/core.py": ("BSD-3-Clause", "= 1\n"), "two.py": ("MIT", "'é'\n")}
    assert [one.reason for one in found if isinstance(one, Reject)] == ["unreadable"]
    with pytest.raises(ConfigError, match="no folder with wheels"):
        list(read_wheels(SourceConfig("wheels", str(tmp_path / "none"))))
