"""An in-memory Hub on loopback, so that pushing and loading are tested through the real clients and no network.

    with LoopbackHub() as hub:
        subprocess.run([sys.executable, "push.py"], env=hub.environment(tmp_path), check=True)
        assert "README.md" in hub.files("dataset", "me/demo")

It speaks what `huggingface_hub` 2.4 asks for when it creates repositories and branches, uploads (inline and by LFS),
lists and downloads; that serves `push_to_hub`, `load_dataset` (streaming too), `upload_folder` and `from_pretrained`.
Anything else is a 501 that `hub.unknown` records, so that a test sees what a newer client needs. Uploads need a token,
a commit on an outdated parent is a 412, and an LFS object must have the digest it was announced with, as on the real
one.

The clients read `HF_ENDPOINT` when they are imported: use `environment()` for a new process.
"""

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

USER = "me"
TOKEN = "hf_loopback"
LFS_SUFFIXES = (".parquet", ".safetensors", ".arrow", ".bin", ".pt", ".gguf", ".png")


@dataclass(frozen=True, slots=True)
class Commit:
    """A revision: its id (40 hex digits), title and complete file tree."""

    sha: str
    title: str
    files: dict[str, bytes]


@dataclass(slots=True)
class Repo:
    """Commits by branch, oldest first. `kind` is model, dataset or space."""

    kind: str
    name: str
    branches: dict[str, list[Commit]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add("main", "initial commit", {})

    def add(self, branch: str, title: str, files: dict[str, bytes]) -> Commit:
        history = self.branches.setdefault(branch, [])
        sha = hashlib.sha1(f"{self.kind}/{self.name}@{branch}#{len(history)}".encode()).hexdigest()
        history.append(Commit(sha, title, files))
        return history[-1]

    def find(self, revision: str) -> Commit | None:
        if revision in self.branches:
            return self.branches[revision][-1]
        return next((c for history in self.branches.values() for c in history if c.sha == revision), None)


class Refused(Exception):
    """A request that gets an error: HTTP status, and the code by which the client chooses its exception."""

    def __init__(self, status: int, code: str, commit: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.commit = status, code, commit


class LoopbackHub:
    """The server and what it holds. `requests` lists "METHOD path" in order; `unknown` those that it cannot answer.

    `storage_status`: what the storage answers to each upload, where it is not to take any.
    """

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.storage_status: int | None = None
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "LoopbackHub":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, home: Path) -> dict[str, str]:
        """This process's environment with the clients pointed here and their caches under `home`, for a new process."""
        return {
            **{name: value for name, value in os.environ.items() if "PROXY" not in name.upper()},
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
        }

    def files(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        """The files of a repository by path; raises KeyError where there is no such repository or revision."""
        commit = self.repos[kind, name].find(revision)
        if commit is None:
            raise KeyError(revision)
        return commit.files

    def titles(self, kind: str, name: str, branch: str = "main") -> list[str]:
        """The commit titles of a branch, oldest first."""
        return [commit.title for commit in self.repos[kind, name].branches[branch]]


class _Handler(BaseHTTPRequestHandler):
    """One request. Handlers return JSON, or call `_reply` themselves and return None."""

    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: `hub.requests` is the log."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.body = self._read_body()
        path = unquote(url.path)
        with self.hub.lock:
            self.hub.requests.append(f"{self.command} {path}")
            try:
                for pattern, handler in _ROUTES:
                    if match := pattern.fullmatch(path):
                        answer = handler(self, *match.groups())
                        break
                else:
                    self.hub.unknown.append(f"{self.command} {path}")
                    raise Refused(501, "NotImplemented")
            except Refused as refused:
                headers = {"X-Error-Code": refused.code, "X-Error-Message": refused.code}
                if refused.commit:
                    headers["X-Repo-Commit"] = refused.commit
                answer = None
                self._reply(refused.status, json.dumps({"error": refused.code}).encode(), headers)
            if answer is not None:
                self._reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _writer(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "Unauthorized")

    def _repo(self, kind: str, name: str) -> Repo:
        repo = self.hub.repos.get((kind, name))
        if repo is None:
            raise Refused(404, "RepoNotFound")
        return repo

    def _commit(self, kind: str, name: str, revision: str) -> Commit:
        commit = self._repo(kind, name).find(revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound")
        return commit

    # What follows are the routes, one a method.

    def whoami(self) -> Any:
        self._writer()
        return {"type": "user", "name": USER, "orgs": [], "auth": {"accessToken": {"role": "write"}}}

    def validate_yaml(self) -> Any:
        return {"errors": [], "warnings": []}

    def create(self) -> Any:
        self._writer()
        wanted = json.loads(self.body)
        kind = wanted.get("type") or "model"
        name = f"{wanted.get('organization') or USER}/{wanted['name']}"
        if (kind, name) in self.hub.repos:
            self._reply(409, json.dumps({"url": f"{self.hub.endpoint}/{_prefix(kind)}{name}"}).encode(), {})
            return None
        self.hub.repos[kind, name] = Repo(kind, name)
        return {"url": f"{self.hub.endpoint}/{_prefix(kind)}{name}", "id": name, "name": name}

    def info(self, kind: str, name: str, revision: str | None) -> Any:
        commit = self._commit(kind, name, revision or "main")
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        return {"id": name, "sha": commit.sha, "private": False, "tags": [], "downloads": 0, "siblings": siblings}

    def refs(self, kind: str, name: str) -> Any:
        branches = self._repo(kind, name).branches.items()
        named = [{"name": b, "ref": f"refs/heads/{b}", "targetCommit": commits[-1].sha} for b, commits in branches]
        return {"branches": named, "converts": [], "tags": []}

    def branch(self, kind: str, name: str, branch: str) -> Any:
        self._writer()
        repo = self._repo(kind, name)
        if branch in repo.branches:
            raise Refused(409, "BranchExists")
        repo.add(branch, f"branch {branch}", dict(repo.branches["main"][-1].files))
        return {}

    def preupload(self, kind: str, name: str, revision: str) -> Any:
        self._writer()
        self._commit(kind, name, revision)
        files = json.loads(self.body)["files"]
        modes = ["lfs" if file["path"].endswith(LFS_SUFFIXES) else "regular" for file in files]
        return {"files": [{"path": f["path"], "uploadMode": m, "shouldIgnore": False} for f, m in zip(files, modes)]}

    def lfs_batch(self, name: str) -> Any:
        self._writer()
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            href = f"{self.hub.endpoint}/lfs/{wanted['oid']}"
            actions = {} if wanted["oid"] in self.hub.lfs else {"actions": {"upload": {"href": href, "header": {}}}}
            objects.append({"oid": wanted["oid"], "size": wanted["size"], "authenticated": True, **actions})
        return {"transfer": "basic", "objects": objects}

    def lfs_object(self, oid: str) -> Any:
        if self.hub.storage_status is not None:
            raise Refused(self.hub.storage_status, "StorageRefuses")
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, "DigestMismatch")
        self.hub.lfs[oid] = self.body
        return {}

    def commit(self, kind: str, name: str, branch: str) -> Any:
        self._writer()
        parent = self._commit(kind, name, branch)
        files, title = dict(parent.files), ""
        for line in self.body.splitlines():
            operation = json.loads(line)
            key, value = operation["key"], operation["value"]
            if key == "header":
                title = value["summary"]
                if value.get("parentCommit", parent.sha) != parent.sha:
                    raise Refused(412, "PreconditionFailed")
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                if value["oid"] not in self.hub.lfs:
                    raise Refused(422, "LfsObjectMissing")
                files[value["path"]] = self.hub.lfs[value["oid"]]
            elif key == "deletedFile":
                if files.pop(value["path"], None) is None:
                    raise Refused(404, "EntryNotFound")
            elif key == "deletedFolder":
                folder = value["path"].rstrip("/") + "/"
                files = {path: data for path, data in files.items() if not path.startswith(folder)}
        sha = self._repo(kind, name).add(branch, title, files).sha
        return {"commitOid": sha, "commitUrl": f"{self.hub.endpoint}/{_prefix(kind)}{name}/commit/{sha}"}

    def tree(self, kind: str, name: str, revision: str, folder: str | None) -> Any:
        files = self._commit(kind, name, revision).files
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        recursive = self.query.get("recursive", "").lower() in ("true", "1")
        entries: dict[str, Any] = {}
        for path in sorted(files):
            if not path.startswith(prefix):
                continue
            folders = path[len(prefix) :].split("/")[:-1]
            for depth in range(1, len(folders) + 1 if recursive else min(len(folders), 1) + 1):
                parent = prefix + "/".join(folders[:depth])
                entries[parent] = _folder_entry(parent)
            if recursive or not folders:
                entries[path] = _file_entry(path, files[path])
        if prefix and not entries:
            raise Refused(404, "EntryNotFound")
        return list(entries.values())

    def paths_info(self, kind: str, name: str, revision: str) -> Any:
        files = self._commit(kind, name, revision).files
        is_json = "json" in self.headers.get("Content-Type", "")
        wanted = json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode()).get("paths", [])
        entries = []
        for path in [wanted] if isinstance(wanted, str) else wanted:
            if path in files:
                entries.append(_file_entry(path, files[path]))
            elif any(other.startswith(path.rstrip("/") + "/") for other in files):
                entries.append(_folder_entry(path))
        return entries

    def resolve(self, kind_prefix: str | None, name: str, revision: str, path: str) -> None:
        commit = self._commit((kind_prefix or "models/")[:-2], name, revision)
        if path not in commit.files:
            raise Refused(404, "EntryNotFound", commit.sha)
        data = commit.files[path]
        headers = {"ETag": f'"{_blob_id(data)}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return self._reply(200, data, headers)
        first, last = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return self._reply(206, data[first : last + 1], headers)


def _prefix(kind: str) -> str:
    return "" if kind == "model" else f"{kind}s/"


def _blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _file_entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "oid": _blob_id(data), "size": len(data)}
    if path.endswith(LFS_SUFFIXES):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


def _folder_entry(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0}


_REPO = r"/api/(model|dataset|space)s/([^/]+/[^/]+)"
_ROUTES: list[tuple[re.Pattern[str], Callable[..., Any]]] = [
    (re.compile(pattern), handler)
    for pattern, handler in (
        (r"/api/whoami-v2", _Handler.whoami),
        (r"/api/validate-yaml", _Handler.validate_yaml),
        (r"/api/repos/create", _Handler.create),
        (_REPO + r"(?:/revision/(.+))?", _Handler.info),
        (_REPO + r"/refs", _Handler.refs),
        (_REPO + r"/branch/(.+)", _Handler.branch),
        (_REPO + r"/preupload/(.+)", _Handler.preupload),
        (_REPO + r"/commit/(.+)", _Handler.commit),
        (_REPO + r"/tree/([^/]+)(?:/(.*))?", _Handler.tree),
        (_REPO + r"/paths-info/(.+)", _Handler.paths_info),
        (r"/(?:datasets/|spaces/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", _Handler.lfs_batch),
        (r"/lfs/([0-9a-f]{64})", _Handler.lfs_object),
        (r"/(datasets/|spaces/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", _Handler.resolve),
    )
]
