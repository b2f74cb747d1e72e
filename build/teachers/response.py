"""Reads the response of an OpenAI-compatible server: an answer, or what stands in its way, in the server's own words.

Servers differ in where they say so. Read here: errors in the body of a 200 (also as events of a stream, or inside a choice),
web pages of proxies, content in parts, reasoning under several names, refusals, and calls of tools instead of content.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from build.core.chat import Completion
from build.core.records import Usage

_TOLD = 300  # characters of a server's words
_TRY_AGAIN = {408, 409, 425}
_MENDED_FIRST = {401, 403, 404, 405, 407}  # no request can succeed before somebody mends something
_BUSY = {429, 529}
_NO_MONEY = re.compile(
    r"insufficient[_ ](?:user[_ ])?(?:quota|balance|credits?|funds)|billing[_ ](?:hard|not|limit)|payment[_ ]required"
    r"|(?:exceeded your current quota|credit balance is too low)(?!.*(?:per minute|retry in))",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(r"content[_ ](?:filter|policy)|moderation|was flagged|responsibleaipolicy", re.IGNORECASE)
_REASONS = {  # what servers call the two ends of an answer
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_length"), "length"),
    **dict.fromkeys(("end_turn", "eos", "eos_token", "stop_sequence", "completed"), "stop"),
}
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_EVENT = re.compile(r"\s*(?:data:|event:|: )")


class ServerError(Exception):
    """A response without an answer. `reason` is a short name such as http_502, `told` what the server says.

    `kind` says what may help. again: the same request, later; busy: the same request, later and fewer at once; mend: nothing
    before somebody mends something; pay: nothing before somebody pays; refused: nothing, for this request. `wait_s` is how
    long the server asks to wait.
    """

    def __init__(
        self, kind: Literal["again", "busy", "mend", "pay", "refused"], reason: str, told: str = "", wait_s: float = 0.0
    ) -> None:
        super().__init__(f"{reason}: {told}" if told else reason)
        self.kind = kind
        self.reason = reason
        self.told = told
        self.wait_s = wait_s


def read_response(status: int, headers: Mapping[str, str], text: str) -> Completion:
    """The answer in a response. Raises `ServerError`."""
    if status != 200:
        raise _error(status, text, _retry_after(headers))
    try:
        data = _from_events(text) if _EVENT.match(text) else json.loads(text)
        if not isinstance(data, dict):
            raise TypeError("no object")
        if data.get("error") or ("choices" not in data and data.get("object") == "error"):
            raise _error_in_body(data, headers)
        if data["choices"] == []:
            return Completion(_told(text), failure="no_choice", usage=_usage(data.get("usage")))
        choice = data["choices"][0]
        if choice.get("error") or choice.get("finish_reason") == "error":
            raise _error_in_body({"error": choice.get("error") or {}}, headers)
        return _answer(choice, _usage(data.get("usage")))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        what = "a web page" if _PAGE.match(text) else "no chat completion"
        raise ServerError("again", "garbage", f"{what}: {_told(text)}") from error


def _error(status: int, text: str, wait_s: float) -> ServerError:
    told, reason = _told(text), f"http_{status}"
    if status == 402 or _NO_MONEY.search(text[:10_000]):
        return ServerError("pay", reason, told)
    if status in _BUSY or (status == 503 and wait_s):
        return ServerError("busy", reason, told, wait_s)
    if status >= 500 or status in _TRY_AGAIN:
        return ServerError("again", reason, told, wait_s)
    if status >= 400 and _FILTERED.search(text[:10_000]):
        return ServerError("refused", "content_filter", told)
    if status in _MENDED_FIRST or status < 400:
        return ServerError("mend", reason, told)
    return ServerError("refused", reason, told)


def _error_in_body(data: dict[str, Any], headers: Mapping[str, str]) -> ServerError:
    """The error that a response with status 200 tells; its code is often the status that it should have."""
    error = data.get("error") or data
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    text = json.dumps(data)
    if isinstance(code, int | float | str) and re.fullmatch(r"[345]\d\d", str(code)):
        return _error(int(code), text, _retry_after(headers))
    if re.search(r"rate_?limit|too many requests", text, re.IGNORECASE):
        return _error(429, text, _retry_after(headers))
    found = _error(500, text, _retry_after(headers))
    return ServerError(found.kind, "error_in_answer", found.told, found.wait_s)


def _answer(choice: dict[str, Any], usage: Usage) -> Completion:
    message = choice.get("message") or {"content": choice["text"]}  # servers of plain completions
    said, thoughts = _text_of(message.get("content"))
    for key in ("reasoning_content", "reasoning", "reasoning_details"):
        if not thoughts:
            thoughts = "".join(_text_of(message.get(key)))
    reason = str(choice.get("finish_reason") or "unknown")
    reason = _REASONS.get(reason.lower(), reason)
    if not said.strip():
        refusal = message.get("refusal")
        calls = message.get("tool_calls") or message.get("function_call")
        if isinstance(refusal, str) and refusal.strip():
            said, reason = refusal, "refusal"
        elif calls:
            said, reason = "", "tool_calls"
    return Completion(_utf8(said), _utf8(reason), usage, "", _utf8(thoughts))


def _text_of(content: Any) -> tuple[str, str]:
    """What a content says, and what it thinks: a text, or parts of several kinds. Raises TypeError where it is neither."""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise TypeError("the content is no text")
    said, thought = "", ""
    for part in content:
        if isinstance(part, str):
            said += part
            continue
        inner = "".join(_text_of(next((part[key] for key in ("text", "thinking", "summary") if part.get(key)), None)))
        if "think" in str(part.get("type")) or "reason" in str(part.get("type")):
            thought += inner
        else:
            said += inner
    return said, thought


def _from_events(text: str) -> dict[str, Any]:
    """The completion that the events of a stream add up to. Raises ValueError when there is none."""
    events = list(_events(text))
    for event in events:
        if event.get("error") or event.get("object") == "error":
            return event
    message: dict[str, Any] = {"content": ""}
    reason, usage = None, None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event.get("choices") or []:
            reason = choice.get("finish_reason") or reason
            for key, value in (choice.get("delta") or choice.get("message") or {}).items():
                if isinstance(value, str) and key != "role":
                    message[key] = (message.get(key) or "") + value
                elif value and key not in message:
                    message[key] = value
    if not any(event.get("choices") for event in events):
        raise ValueError("a stream without an answer")
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}


def _events(text: str) -> Iterator[dict[str, Any]]:
    lines = text.replace("\r\n", "\n").split("\n")
    for line in lines:
        body = line.removeprefix("data:").strip()
        if line.startswith("data:") and body and body != "[DONE]":
            yield json.loads(body)
        elif line.startswith("{"):  # behind the comments that keep a connection alive
            yield json.loads(line)


def _usage(counts: Any) -> Usage:
    """The tokens that a server counted; 0 where it counted none."""

    def count(key: str) -> int:
        found = counts.get(key) if isinstance(counts, dict) else None
        return max(int(found), 0) if isinstance(found, int | float) and found == found and abs(found) < 1e15 else 0

    return Usage(1, count("prompt_tokens"), count("completion_tokens"))


def _told(text: str) -> str:
    """The words of an error body for a person: its message, the text of a web page, or the body itself; in one line."""
    try:
        data = json.loads(text)
        error = data.get("error") or data
        if isinstance(error, dict):
            inner = error.get("metadata") or {}
            parts = [error.get("message") or error.get("detail") or error.get("msg"), inner.get("raw")]
            text = " ".join(part if isinstance(part, str) else json.dumps(part) for part in parts if part) or text
        elif isinstance(error, str):
            text = error
    except (ValueError, AttributeError, TypeError, RecursionError):
        if _PAGE.match(text):
            text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text[:20_000])
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in _utf8(text[:4000])).split())
    return line if len(line) <= _TOLD else line[: _TOLD - 1] + "…"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait (RFC 9110: a number or a date); 0 when it asks nothing."""
    for name, unit in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        text = headers.get(name, "").strip()
        try:
            seconds = float(text) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(text).timestamp() - time.time()
            except (ValueError, TypeError, OverflowError):
                continue
        if 0 < seconds < float("inf"):
            return seconds
    return 0.0


def _utf8(text: str) -> str:
    """The text without lone surrogates, which JSON escapes can smuggle in and no file can hold."""
    return text.encode("utf-8", "replace").decode()
