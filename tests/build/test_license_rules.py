"""Licenses: what an allow-list lets in, what a file's first lines say, and whom the data names."""

from collections import Counter
from pathlib import Path

import pytest

from build.core.config import read_data_recipe
from build.core.licenses import allowed, of_header
from build.engine import run_rank
from build.report.attribution import attribution
from tests.build.conftest import RAW_FILES, write_recipe


@pytest.mark.parametrize(
    ("expression", "allow", "verdict"),
    [
        ("MIT", ["permissive"], True),
        ("GPL-3.0-only", ["permissive"], False),
        ("GPL-3.0-only OR Apache-2.0", ["permissive"], True),
        ("GPL-3.0-only AND Apache-2.0", ["permissive"], False),
        ("(GPL-2.0-only OR MIT) AND BSD-3-Clause", ["permissive"], True),
        ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", ["permissive"], False),
        ("MIT OR GPL-2.0-only AND AGPL-3.0-only", ["permissive"], True),
        ("Apache-2.0 WITH LLVM-exception", ["permissive"], True),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", ["permissive"], False),
        ("GPL-3.0-or-later", ["permissive", "gpl-3.0-or-later"], True),
        ("BSD", ["permissive"], True),
        ("BSD-2-Clause-Views", ["permissive"], True),
        ("GPL", ["permissive"], False),
        ("LicenseRef-vendored", ["permissive", "unknown"], False),
        ("Somebody's own", ["permissive", "unknown"], False),
        ("Somebody's own", ["Somebody's own"], True),
        ("CC-BY-NC-4.0", ["permissive", "unknown"], False),
        ("unknown", ["permissive"], False),
        ("unknown", ["permissive", "unknown"], True),
        ("anything", ["any"], True),
    ],
)
def test_an_allow_list(expression: str, allow: list[str], verdict: bool) -> None:
    assert allowed(expression, allow) == verdict


@pytest.mark.parametrize(
    ("header", "license"),
    [
        ("# Licensed under the Apache License,\n# Version 2.0 (the License);", "Apache-2.0"),
        ("# Permission is hereby granted, free of charge,\n# to any person obtaining a copy of this", "MIT"),
        ("#   it under the terms of the GNU General Public\n#   License as published by", "GPL"),
        ("# GNU Lesser General Public License", "LGPL"),
        ('"""Redistribution and use in source and binary forms, with or without"""', "BSD-2-Clause"),
        ("# a module about license plates", None),
    ],
)
def test_the_words_of_a_header(header: str, license: str | None) -> None:
    assert of_header(header) == license


def test_files_that_are_not_allowed_are_rejects_and_the_others_are_named(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    for name, head in (("mit", "# Copyright (c) 2020 Ada\n# This file is MIT licensed: it is MIT license\n"),
                       ("gpl", "# Copyright 2019 Bob\n# GNU General Public License, version 3\n")):  # fmt: skip
        text = RAW_FILES["numbers.py"].replace("    return", f"    {name} = 1\n    return")
        (tmp_path / "code" / f"{name}.py").write_text(head + text)
    source = {"kind": "folder", "name": str(tmp_path / "code")}
    store = run_rank(read_data_recipe(write_recipe(tmp_path, sources=[source])), 0, 1)
    assert store.totals("collect").rejects == Counter(license=1)
    text = attribution(store)
    assert "mit.py\n  - Copyright (c) 2020 Ada" in text and "gpl.py" not in text and ": MIT\n" in text
