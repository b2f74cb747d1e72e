"""Generates responses with lm-eval 0.4.13 and stores them: `python -m eval run`.

lm-eval renders the prompts and drives the model (transformers, vLLM, or an OpenAI-compatible endpoint); `Recorder` stands
between the two, hands out what is stored already and stores what is new, so a killed run goes on where it was. Scoring is a
step of its own.
"""

import logging
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import aiohttp
import lm_eval
import requests
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import get_model
from lm_eval.models.openai_completions import LocalChatCompletion
from lm_eval.tasks import TaskManager
from tqdm import tqdm

from build.core.records import digest
from eval.benchmarks import BY_NAME
from eval.greedy import GreedyOnCpu
from eval.rows import Unavailable, Where, load
from eval.run_folder import BadRun, Response, Run

MODELS = ("hf", "vllm", "local-chat-completions")
SEED = 1234  # lm-eval's own default; decoding is greedy
# Requests in one call of the model: enough to sort by length and to keep an engine busy, few enough to lose with vLLM, which
# hands its responses out at the end of a call. The others hand out each batch or each response, and it is stored then.
CHUNK = 1024
_REFUSED = {400, 413, 422}  # statuses that say that this request cannot be answered, whenever it is asked
_PACKAGES = ("lm-eval", "transformers", "torch", "vllm", "datasets", "math-verify", "sympy", "pandas")


# What decoding is asked for, whatever a checkpoint or a server has as its own default: greedy and without penalties. The
# repetition penalty is no parameter of OpenAI's, but vLLM and others apply the checkpoint's where a request names none.
NEUTRAL: dict[str, float] = {"presence_penalty": 0.0, "frequency_penalty": 0.0, "top_p": 1.0}
REPETITION = {"repetition_penalty": 1.0}


class Text(str):
    """A generation that knows whether its length limit cut it, or the endpoint refused its prompt; lm-eval passes it on."""

    truncated: bool = False
    refused: bool = False


class Endpoint(LocalChatCompletion):
    """lm-eval's client of OpenAI-compatible chat endpoints, which also keeps each finish reason.

    A request that the endpoint refuses for what it is (most often its length) gets an empty response, once; others go on.
    Penalties are sent at their neutral values, the repetition penalty until the endpoint turns out not to know it.
    """

    knows_repetition: bool | None = None  # None until a request with it has been answered or refused

    def _create_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        sent = NEUTRAL if self.knows_repetition is False else NEUTRAL | REPETITION
        return sent | super()._create_payload(*args, **kwargs)

    def model_call(self, *args: Any, **kwargs: Any) -> Any:
        sent_with = self.knows_repetition is not False
        try:
            answer = super().model_call(*args, **kwargs)
            self.knows_repetition = sent_with
            return answer
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code not in _REFUSED:
                raise
            if sent_with and self.knows_repetition is not True:
                self.knows_repetition = False
                answer = self.model_call(*args, **kwargs)
                if answer["choices"][0].get("finish_reason") == "refused":
                    self.knows_repetition = None  # it was refused for something else
                return answer
            return {"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "refused"}]}

    async def amodel_call(self, *args: Any, **kwargs: Any) -> Any:
        sent_with = self.knows_repetition is not False
        try:
            answer = await super().amodel_call(*args, **kwargs)
            self.knows_repetition = sent_with
            return answer
        except aiohttp.ClientResponseError as error:
            if error.status not in _REFUSED:
                raise
            if sent_with and self.knows_repetition is not True:
                self.knows_repetition = False
                answer = await self.amodel_call(*args, **kwargs)
                if getattr(answer[0], "refused", False):
                    self.knows_repetition = None
                return answer
            text = Text("")
            text.refused = True
            for key in kwargs.get("cache_keys") or ():
                self.cache_hook.add_partial("generate_until", key, text)
            return [text]

    def parse_generations(self, outputs: Any, **kwargs: Any) -> list[str]:
        answers = outputs if isinstance(outputs, list) else [outputs]
        reasons = [choice.get("finish_reason") for answer in answers for choice in answer.get("choices", [])]
        texts: list[str] = []
        for generation, reason in zip(super().parse_generations(outputs, **kwargs), reasons):
            text = Text(generation or "")
            text.truncated, text.refused = reason == "length", reason == "refused"
            texts.append(text)
        return texts


class Recorder(LM):
    """A model whose responses are stored as they come, and never asked for twice."""

    def __init__(self, model: LM, run: Run, max_new_tokens: int) -> None:
        super().__init__()
        self._model = model
        self._run = run
        self._max_new_tokens = max_new_tokens
        self._pending: dict[Any, list[Instance]] = {}
        self._stored: dict[str, dict[str, Response]] = {}
        self._progress: tqdm | None = None
        # lm-eval's models call this hook for each response as soon as they have it; its own cache works in the same way.
        model.set_cache_hook(self)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        for name in {request.doc["benchmark"] for request in requests}:
            self._stored[name] = self._run.responses(name)
        missing = [request for request in requests if self._find(request) is None]
        names = {BY_NAME[request.doc["benchmark"]].column for request in requests}
        label = names.pop() if len(names) == 1 else f"responses of {len(names)} benchmarks"
        done = len(requests) - len(missing)
        with tqdm(total=len(requests), initial=done, unit="response", desc=label) as self._progress:
            for start in range(0, len(missing), CHUNK):
                chunk = missing[start : start + CHUNK]
                self._pending = {}
                for request in chunk:
                    self._pending.setdefault(request.args[0], []).append(request)
                texts = self._model.generate_until(chunk, disable_tqdm=True)
                for request, text in zip(chunk, texts):
                    if self._find(request) is None:
                        self._store(request, text)
        return [response.text for request in requests if (response := self._find(request)) is not None]

    def add_partial(self, attr: str, req: tuple[Any, Any], res: str) -> None:
        """lm-eval's hook: one response, with the prompt that it answers."""
        waiting = self._pending.get(req[0])
        if waiting:
            self._store(waiting.pop(), res)

    def _find(self, request: Instance) -> Response | None:
        return self._stored[request.doc["benchmark"]].get(request.doc["id"])

    def _store(self, request: Instance, text: str) -> None:
        response = self._response(request, text)
        self._run.append(request.doc["benchmark"], [response])
        self._stored[request.doc["benchmark"]][response.id] = response
        if self._progress is not None:
            self._progress.update(1)

    def _response(self, request: Instance, text: str) -> Response:
        """The endpoint says what was cut; local models are asked by counting tokens again, which is nearly the same."""
        prompt_cut = False
        if isinstance(text, Text):
            truncated, prompt_cut = text.truncated, text.refused
        else:
            encode: Callable[[str], list[int]] | None = getattr(self._model, "tok_encode", None)
            truncated = encode is not None and len(encode(text)) >= self._max_new_tokens - 1
            room = int(getattr(self._model, "max_length", 0)) - self._max_new_tokens
            prompt_cut = encode is not None and room > 0 and len(encode(str(request.args[0]))) > room
        return Response(request.doc["id"], request.doc["prompt_sha"], str(text), truncated, prompt_cut)

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> Any:
        return self._model.apply_chat_template(chat_history, add_generation_prompt)

    @property
    def tokenizer_name(self) -> str:
        return self._model.tokenizer_name

    def chat_template(self, chat_template: bool | str = False) -> str:
        return self._model.chat_template(chat_template) or ""

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
        raise TypeError("the tasks of this project only generate")

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any:
        raise TypeError("the tasks of this project only generate")


def build_model(model: str, model_args: str, batch_size: str) -> LM:
    """The lm-eval model of a name in `MODELS`. Raises `BadRun` with one sentence when it cannot be made."""
    settings = {"batch_size": "1" if model == "local-chat-completions" else batch_size}
    kind = Endpoint if model == "local-chat-completions" else get_model(model)
    if model == "hf" and "device=" not in model_args and not torch.cuda.is_available():
        settings["device"] = "cpu"  # lm-eval's default is a GPU
        kind = GreedyOnCpu
    try:
        built: LM = kind.create_from_arg_string(model_args, settings)
    except Exception as error:  # a missing file, package, or GPU memory: the libraries raise whatever they like
        raise BadRun(f"the model {model} ({model_args}) cannot be loaded: {error}") from error
    return built


def force_greedy(model: LM) -> dict[str, Any]:
    """Make a local model decode greedily without penalties, and return what its generation_config.json would have changed.

    transformers applies a checkpoint's generation_config.json (such as a repetition penalty of 1.1) to greedy decoding too, and
    vLLM through lm-eval does not; so only its token ids stay.
    """
    inner: Any = getattr(model, "model", None)
    config: Any = getattr(inner, "generation_config", None)
    if inner is None or not hasattr(config, "to_diff_dict"):
        return {}
    ids = {key: value for key, value in config.to_dict().items() if key.endswith("_token_id") and value is not None}
    plain = type(config)(**ids)
    kept = plain.to_dict()
    dropped = {
        key: value
        for key, value in config.to_diff_dict().items()
        if kept.get(key) != value and key not in ("transformers_version", "_from_model_config", "do_sample")
    }
    inner.generation_config = plain
    return dropped


def describe(model: LM, model_args: str) -> dict[str, Any]:
    """What can be known of the weights: lm-eval's facts (revision, commit, size), and of a local folder its files."""
    facts: Callable[[], dict[str, Any]] | None = getattr(model, "get_model_info", None)
    info = {key: str(value) for key, value in facts().items()} if facts else {}
    folder = Path(dict(part.partition("=")[::2] for part in model_args.split(",")).get("pretrained", ""))
    if (folder / "config.json").is_file():
        sizes = ", ".join(f"{file.name}: {file.stat().st_size}" for file in sorted(folder.glob("*.safetensors")))
        info["config_sha"] = digest((folder / "config.json").read_text(encoding="utf-8"))
        info["weights"] = sizes
    return info


def generate(
    run: Run,
    model: LM,
    names: list[str],
    where: Where,
    settings: dict[str, Any],
    limit: int | None,
    max_new_tokens: int,
) -> None:
    """Ask the model for every missing response of the named benchmarks, and write the manifest.

    `settings` is what the manifest says of the model; a folder that holds another run's responses is refused (`BadRun`).
    Benchmarks whose rows cannot be had are named in the manifest, and the others run.
    """
    unavailable = {}
    for name in names:
        try:
            load(name, where)
        except Unavailable as error:
            unavailable[name] = str(error)
            tqdm.write(f"left out: {error}")
    ready = [name for name in names if name not in unavailable]
    if not ready:
        raise BadRun("none of the benchmarks can be had: " + "; ".join(unavailable.values()))
    template = model.chat_template(True) if hasattr(model, "chat_template") else ""
    dropped = force_greedy(model)
    if dropped:
        tqdm.write(f"decoding is greedy: the checkpoint's generation_config.json is not applied ({dropped})")
    identity = settings | {
        "decoding": {"do_sample": False, **NEUTRAL, **REPETITION},
        "generation_config_not_applied": dropped,
        "data": where.data,
        "held_out": where.held_out,
        "max_new_tokens": max_new_tokens,
        "template_sha": digest(template or ""),
        "seed": SEED,
    }
    _check_identity(run, identity)
    manifest = identity | {
        "limit": limit,
        "benchmarks": sorted({*ready, *run.benchmarks()}),
        "unavailable": unavailable,
        "scorers": {name: BY_NAME[name].version for name in ready},
        "versions": {"python": platform.python_version(), **_versions()},
    }
    run.write_manifest(manifest)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    try:
        _ask(Recorder(model, run, max_new_tokens), ready, where, limit, max_new_tokens)
    except (aiohttp.ClientError, requests.RequestException, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise BadRun(f"the endpoint does not answer ({why}); see to it and run again, {run.path} goes on") from error
    if getattr(model, "knows_repetition", None) is False:
        run.write_manifest(manifest | {"not_taken_by_the_endpoint": sorted(REPETITION)})


def _ask(recorder: Recorder, ready: list[str], where: Where, limit: int | None, max_new_tokens: int) -> None:
    """Every request of the benchmarks, through lm-eval, to the recorder."""
    lm_eval.simple_evaluate(
        model=recorder,
        tasks=[f"codeio_{name}" for name in ready],
        task_manager=TaskManager(
            include_path=str(Path(__file__).parent / "tasks"),
            include_defaults=False,
            metadata={"data": where.data, "held_out": where.held_out},
        ),
        apply_chat_template=True,
        limit=limit,
        gen_kwargs={"max_gen_toks": max_new_tokens},
        predict_only=True,
        log_samples=False,
        bootstrap_iters=0,
        confirm_run_unsafe_code=True,
        random_seed=SEED,
        numpy_random_seed=SEED,
        torch_random_seed=SEED,
    )


def _check_identity(run: Run, identity: dict[str, Any]) -> None:
    """A folder holds one run: the same model, settings and data, or the responses would be mixed."""
    if not run.exists():
        return
    stored = run.manifest()
    changed = [
        f"{key} ({stored.get(key)!r}, now {value!r})"
        for key, value in identity.items()
        if stored.get(key) != value and key != "batch_size"
    ]
    if changed:
        raise BadRun(f"{run.path} holds another run; these differ: {', '.join(changed)}. Use another folder")


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
