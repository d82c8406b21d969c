"""`colregion check-model`: what to run first on a new visual model."""

from __future__ import annotations

import platform
import time
from typing import Annotated, Any

import typer

from colregion import __version__
from colregion.cli.common import JsonOption, OutputOption, app, emit_json, escape, out
from colregion.errors import InvalidInput, require

_LIBRARIES = ("torch", "transformers", "colpali-engine", "peft")


@app.command(name="check-model")
def check_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A hub id or folder of a visual model, options included; see `add`."
        ),
    ],
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1 or mps; the best by default.")
    ] = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Load a visual model, prove where its vectors look, and print a report to pass on.

    The exit status is 1 when a proof fails.
    """
    from colregion.encoders import load_encoder
    from colregion.encoders.colvision import ColVisionEncoder

    start = time.perf_counter()
    encoder = load_encoder(model, **({"device": device} if device else {}))
    if not isinstance(encoder, ColVisionEncoder):
        raise InvalidInput(f"check-model is for visual models; {model} reads no images")
    report = {"model": encoder.spec or model, **_facts(encoder), "load": f"{_since(start):.1f} s"}
    proofs = _proofs(encoder)
    report |= {"speed": _speed(encoder), **_preparing(encoder), "memory": _memory(encoder)}
    report |= {name: text for name, (_, text) in proofs.items()}
    holds = all(right for right, _ in proofs.values())
    report["result"] = "every proof holds" if holds else "A PROOF FAILED"
    if not emit_json(report, to_stdout=as_json, output=output):
        for name, text in report.items():
            out.print(f"{name:11} {escape(text)}", highlight=False, soft_wrap=True)
    if not holds:
        raise typer.Exit(1)


def _since(start: float) -> float:
    return time.perf_counter() - start


def _facts(encoder: Any) -> dict[str, str]:
    from importlib.metadata import version  # slow to import and seldom needed

    from colregion.encoders.colvision.drawn_pages import drawn_pages

    (embedding,) = encoder.encode_pages(drawn_pages()[:1])
    n_vectors, dimension = embedding.vectors.shape
    grids = " and ".join("{} x {}".format(*one.shape) for one in embedding.placement.layers)
    ids = encoder.process_question("QUESTION")["input_ids"][0].tolist()
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    versions = f"colregion {__version__}, {versions}"
    place = platform.processor() or platform.machine()
    if encoder.device.startswith("cuda"):
        place = require("torch", extra="colpali").cuda.get_device_name(encoder.device)
    return {
        "family": f"{type(encoder.model).__name__} of {type(encoder.model).__module__}",
        "fingerprint": encoder.fingerprint,
        "versions": f"{versions}, Python {platform.python_version()}",
        "device": f"{encoder.device} ({place}), {str(encoder.model.dtype).removeprefix('torch.')}",
        "vectors": f"{n_vectors} of {dimension} dimensions for a page of 850 x 1100 px",
        "grid": f"{grids} (rows x columns)",
        "prompt": repr(encoder.processor.tokenizer.decode(ids)),
    }


def _proofs(encoder: Any) -> dict[str, tuple[bool, str]]:
    """Of each proof, whether it holds and what to print."""
    from colregion.encoders.colvision.drawn_pages import ask, drawn_pages
    from colregion.encoders.colvision.proof import prove_places, prove_positions

    results = {}
    for name, proof in (("places", prove_places(encoder)), ("positions", prove_positions(encoder))):
        if proof is None:
            results[name] = True, "not of this family: patches have places in its image encoder"
        elif proof.holds:
            results[name] = True, f"right for {proof.n_checked} of {proof.n_checked} cells checked"
        else:
            wrong = f"WRONG for {len(proof.wrong)} or more of {proof.n_checked} cells"
            results[name] = False, f"{wrong}: {'; '.join(proof.wrong[:5])}"
    answers = ask(encoder, encoder.encode_pages(drawn_pages()))
    right = all(answer.right_page for answer in answers)
    lines = "; ".join(
        f"{answer.question} {'right' if answer.right_page else 'WRONG'} page, "
        f"{'right' if answer.right_line else 'another'} line ({answer.line})"
        for answer in answers
    )
    results["answers"] = right, lines
    return results


def _speed(encoder: Any) -> str:
    from colregion.encoders.colvision.drawn_pages import drawn_pages

    pages = (drawn_pages() * encoder.batch_pages)[: max(2, encoder.batch_pages)]
    for page in pages:
        _ = page.page.image  # drawn before the clock runs
    start = time.perf_counter()
    encoder.encode_pages(pages)
    return f"{len(pages) / _since(start):.2f} pages per second, in batches of {encoder.batch_pages}"


def _preparing(encoder: Any) -> dict[str, str]:
    from colregion.encoders.colvision.drawn_pages import drawn_pages

    if encoder.preparing is None:
        return {}
    times = encoder.preparing.try_both(drawn_pages()[0])
    ways = [f"{1000 * seconds:.1f} ms a page on the {way}" for way, seconds in times.items()]
    return {"preparing": f"{', '.join(ways)}; {encoder.preparing.report}"}


def _memory(encoder: Any) -> str:
    weights = sum(weight.nbytes for weight in encoder.model.parameters())
    text = f"{weights / 1e9:.2f} GB of weights"
    if encoder.device.startswith("cuda"):
        cuda = require("torch", extra="colpali").cuda
        text += f", at most {cuda.max_memory_allocated(encoder.device) / 1e9:.2f} GB in use"
    return text
