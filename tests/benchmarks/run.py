"""How fast shapecalc is, as ratios of two things measured in turn in one run.

    pip install -c constraints.txt '.[benchmark]' && python -m tests.benchmarks.run

Prints a Markdown table. Absolute times are those of the machine at hand; the ratios are what counts.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import shapecalc
from shapecalc import zoo
from shapecalc.analysis.domain.generalise import generalised
from shapecalc.engine.inputs import inputs_of
from tests.checkpoints import llama, sharded_holes

HERE = Path(__file__).parent
SHAPECALC = (sys.executable, "-m", "shapecalc")
BLOCK = "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"


def in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], runs: int, calls: int = 1
) -> tuple[float, float]:
    """The median seconds of both, so many calls of each in turn, after one turn that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for kept, function in zip(times, (ours, theirs), strict=True):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            if number:
                kept.append((time.perf_counter() - start) / calls)
    return median(times[0]), median(times[1])


def process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


def cold_show() -> list[str]:
    ours = process(*SHAPECALC, "show", "nin")
    show, summary = in_turn(ours, process(sys.executable, str(HERE / "nin_torchinfo.py")), 7)
    return row("cold `show nin` against torchinfo", show, summary, f"{summary / show:.1f} ×", "≥ 8 ×")


def analysis() -> list[str]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tests.benchmarks.resnet18_torch import resnet18

    with torch.device("meta"):
        module, x = resnet18(), torch.rand(1, 1, 224, 224)

    def forward() -> None:
        with torch.inference_mode(), FlopCounterMode(display=False):
            module(x)

    architecture = shapecalc.load("resnet18")
    ours, theirs = in_turn(lambda: shapecalc.analyse(architecture), forward, 9, calls=10)
    name = "analysis of resnet18 against its forward on meta under FlopCounterMode"
    return row(name, ours, theirs, f"{theirs / ours:.0f} ×", "≥ 50 ×")


def export_of_resnet() -> list[str]:
    from shapecalc.exporting.torch_source import torch_source

    found = shapecalc.analyse(shapecalc.load("imagenet/resnet50"))
    ours, theirs = in_turn(lambda: torch_source(found), lambda: shapecalc.analyse(found.architecture), 9)
    return row("export of resnet50 to torch against its analysis", ours, theirs, f"{ours / theirs:.0f} ×", "")


def fresh_analysis() -> list[str]:
    """The same with nothing remembered: the file read and analysed for the first time in a process."""
    code = "import time, shapecalc; t = time.perf_counter(); shapecalc.analyse(shapecalc.load('resnet18'))"
    code += "; print(time.perf_counter() - t)"
    command = (sys.executable, "-c", code)
    seconds = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(7)]
    return ["reading and analysing resnet18, first time in a process", ms(median(seconds)), "", "", ""]


def cold_memory() -> list[str]:
    ours = process(*SHAPECALC, "memory", "resnet18", "--train")
    theirs = process(sys.executable, "-m", "tests.benchmarks.resnet18_memory")
    memory, script = in_turn(ours, theirs, 7)
    name = "cold `memory resnet18 --train` against measuring the same in torch on meta"
    return row(name, memory, script, f"{script / memory:.1f} ×", "≥ 8 ×")


FIGURES = """
import time, shapecalc
start = time.perf_counter()
architecture = shapecalc.load("resnet18")
analysis = shapecalc.analyse(architecture)
shapes = time.perf_counter()
from shapecalc.analysis.memory.memory import memory
from shapecalc.analysis.receptive.field import receptive
from shapecalc.analysis.counting.totals import Work
figures = lambda: (Work.of(analysis.rows), memory(analysis), receptive(analysis))
figures()
done = time.perf_counter()
shapecalc.analyse(architecture)
again = time.perf_counter()
shapecalc.analyse(architecture)
middle = time.perf_counter()
figures()
print(shapes - start, done - start, middle - again, time.perf_counter() - again)
"""
"""The shapes alone, and all figures with them: first in a process, and once more."""


def all_figures() -> list[list[str]]:
    runs = [
        subprocess.run((sys.executable, "-c", FIGURES), check=True, capture_output=True, text=True).stdout
        for _ in range(9)
    ]
    columns = zip(*(map(float, run.split()) for run in runs), strict=True)
    shapes, done, shapes_again, done_again = map(median, columns)
    name = (
        "operations, memory and receptive field of resnet18 and its shapes, against these, in a new process"
    )
    return [
        row(name, done, shapes, f"{done / shapes:.1f} ×", "≤ 3 ×"),
        row("the same once more", done_again, shapes_again, f"{done_again / shapes_again:.1f} ×", "≤ 3 ×"),
    ]


def symbolic() -> list[list[str]]:
    """Formulas for every input against numbers for one, over the zoo; the slowest network decides."""
    ratios = []
    for name in zoo.names():
        architecture = shapecalc.load(name)
        inputs = generalised(architecture, inputs_of(architecture), batch=True)
        ours, numbers = in_turn(
            partial(shapecalc.analyse, architecture, inputs),
            partial(shapecalc.analyse, architecture),
            9,
            calls=5,
        )
        ratios.append((ours / numbers, name, ours, numbers))
    ratio, name, ours, numbers = max(ratios)
    again = row(
        f"symbolic analysis of {name} against a concrete one", ours, numbers, f"{ratio:.1f} ×", "≤ 20 ×"
    )
    fresh = [_first_time(name) for name in zoo.names()]
    ratio, name, ours, numbers = max(fresh)
    first = row(f"the same of {name}, first in a process", ours, numbers, f"{ratio:.1f} ×", "≤ 20 ×")
    return [again, first]


def _first_time(name: str) -> tuple[float, str, float, float]:
    """Both analyses with nothing remembered: each in processes of its own, after the file is read."""
    code = (
        "import time, shapecalc; from shapecalc.analysis.domain.generalise import generalised;"
        f"a = shapecalc.load('{name}'); given = a and shapecalc.engine.inputs.inputs_of(a);"
        "given = generalised(a, given, True) if {} else given;"
        "t = time.perf_counter(); shapecalc.analyse(a, given); print(time.perf_counter() - t)"
    )
    times: list[float] = []
    for general in (True, False):
        command = (sys.executable, "-c", code.format(general))
        runs = [subprocess.run(command, check=True, capture_output=True).stdout for _ in range(5)]
        times.append(median(map(float, runs)))
    return times[0] / times[1], name, times[0], times[1]


def growth(text: Callable[[int], str], what: str, most: int) -> list[list[str]]:
    """Seconds and memory for 1,000 to `most` layers, each in a process of its own."""
    rows = []
    for layers in (1_000, 10_000, most):
        script = (sys.executable, str(HERE / "run.py"), "--analyse")
        output = subprocess.run(script, check=True, capture_output=True, text=True, input=text(layers)).stdout
        seconds, memory, _ = map(float, output.split())
        bound = "< 1 s" if layers == 10_000 else ""
        per_layer = f"{seconds / layers * 1e6:.0f} µs, {memory / layers:.2f} KiB a layer"
        name = f"{layers:,} layers, {what}"
        rows.append([name, f"{seconds:.2f} s, {memory / 1024:.0f} MiB", "", per_layer, bound])
    return rows


COMMANDS: dict[str, tuple[str, ...]] = {
    "show": ("show", "-"),
    "show --format json": ("show", "-", "--format", "json"),
    "params": ("params", "-"),
    "flops": ("flops", "-"),
    "flops --convention all": ("flops", "-", "--convention", "all"),
    "memory": ("memory", "-"),
    "memory --train": ("memory", "-", "--train"),
    "receptive": ("receptive", "-"),
    "explain LAYER": ("explain", "-", "Conv2d[7]"),
    "domain": ("domain", "-"),
    "solve": ("solve", "-", "--output", "1x8x32x32"),
    "check": ("check", "-"),
    "diff": ("diff", "-", "lenet"),
}


def commands() -> list[list[str]]:
    """User seconds and memory of each command for 1,000 and 10,000 layers, with numbers and with letters."""
    return [
        took(name, command, layers, sizes)
        for name, command in COMMANDS.items()
        for sizes in ("1x8x32x32", "Nx8xHxW")
        for layers in (1_000, 10_000)
    ]


def took(name: str, command: Sequence[str], layers: int, sizes: str) -> list[str]:
    child = subprocess.Popen(
        (*SHAPECALC, *command), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert child.stdin
    child.stdin.write(written_out(layers, sizes).encode())
    child.stdin.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    cost = f"{usage.ru_utime:.2f} s, {usage.ru_maxrss / 1024:.0f} MiB"
    return [
        f"`{name}`, {layers:,} layers of {sizes}",
        cost,
        "",
        f"exit code {child.returncode}",
        "< 2 s, 500 MiB",
    ]


def repeated(layers: int) -> str:
    return f"input: 1x8x32x32\nlayers:\n  - {{{BLOCK}, times: {layers}}}\n"


def written_out(layers: int, sizes: str = "1x8x32x32") -> str:
    return f"input: {sizes}\nlayers:\n" + f"  - {BLOCK}\n" * layers


def analyse_standard_input() -> None:
    """Print the seconds to read and analyse what is on standard input, the KiB it took, and its rows."""
    text = sys.stdin.read()
    gc.disable()  # as every command does
    before = resident()
    start = time.perf_counter()
    analysis = shapecalc.analyse(shapecalc.parse(text), brief=True)
    seconds = time.perf_counter() - start
    print(seconds, resident() - before, analysis.layers)


def resident() -> int:
    """KiB of memory that the process holds."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def language_models() -> list[list[str]]:
    """Llama 3 70B: analysed again and again, shown by one command, and served in letters by one."""
    large, small = shapecalc.load("llm/llama-3-70b"), shapecalc.load("resnet18")
    warm = in_turn(
        partial(shapecalc.analyse, large, brief=True),
        partial(shapecalc.analyse, small, brief=True),
        9,
        calls=5,
    )
    shown = in_turn(process(*SHAPECALC, "show", "llm/llama-3-70b"), process(*SHAPECALC, "show", "nin"), 7)
    letters = (*SHAPECALC, "serve", "llm/llama-3-70b", "--context", "T", "--batch", "N")
    served = in_turn(process(*letters), process(sys.executable, "-c", "pass"), 7)
    return [
        row(
            "analysis of Llama 3 70B against that of resnet18", *warm, f"{warm[0] / warm[1]:.1f} ×", "< 50 ms"
        ),
        row("cold `show llm/llama-3-70b` against nin", *shown, f"{shown[0] / shown[1]:.1f} ×", "≤ 1.5 ×"),
        row(
            "cold `serve llm/llama-3-70b` in letters against the interpreter's start",
            *served,
            f"{served[0] / served[1]:.0f} ×",
            "< 300 ms",
        ),
    ]


def cold_list() -> list[str]:
    """The whole zoo, every network parsed and analysed by one command."""
    ours = process(*SHAPECALC, "list")
    seconds, bare = in_turn(ours, process(sys.executable, "-c", "pass"), 7)
    name = f"cold `list` of {len(zoo.names())} networks against the interpreter's start"
    return row(name, seconds, bare, f"{seconds / bare:.0f} ×", "< 1,500 ms")


def checkpoint() -> list[list[str]]:
    """The headers of Llama 2 70B in 15 files, whose 138 GB are holes, and a network of that size."""
    with tempfile.TemporaryDirectory() as folder:
        sharded_holes(Path(folder), llama(80, 8192, 1024, 28672, 32000), 15)
        bare = process(sys.executable, "-c", "pass")
        listed = in_turn(process(*SHAPECALC, "params", folder, "--depth", "2"), bare, 7)
        sizes = ("words=32000", "width=8192", "hidden=28672", "heads=64", "shared=8", "depth=80")
        given = [word for size in sizes for word in ("--set", size)]
        command = (*SHAPECALC, "verify", "llm/smollm2-135m", *given, "--weights", folder)
        compared = in_turn(process(*command), bare, 3)
    what = "of 138 GB in 15 files against the interpreter's start"
    return [
        row(f"`params` {what}", *listed, f"{listed[0] / listed[1]:.0f} ×", "< 1,000 ms"),
        row(f"`verify --weights` {what}", *compared, f"{compared[0] / compared[1]:.0f} ×", ""),
    ]


def verification() -> list[str]:
    ours = process(*SHAPECALC, "verify", "resnet18", "--device", "cpu")
    verify, bare = in_turn(ours, process(sys.executable, str(HERE / "resnet18_torch.py")), 7)
    name = "`verify resnet18 --device cpu` against a bare forward in torch"
    return row(name, verify, bare, f"{verify / bare:.2f} ×", "≤ 1.5 ×")


def onnx_file() -> list[str]:
    """A file of ResNet-50 with its weights, 98 MiB, against the interpreter's start and `import onnx`."""
    from tests.importing.onnx_models.resnet import write

    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "resnet50.onnx"))
        ours = process(*SHAPECALC, "import", str(path))
        reading, bare = in_turn(ours, process(sys.executable, "-c", "import onnx"), 7)
    return row(
        "`import resnet50.onnx` against `import onnx`", reading, bare, f"{reading / bare:.1f} ×", "< 1 s"
    )


BARE = "import torch, torchvision\nwith torch.device('meta'): torchvision.models.{}()"


def imports() -> list[list[str]]:
    """User seconds of the command, and of importing torch and torchvision and building the same on `meta`."""
    if find_spec("torchvision") is None or find_spec("transformers") is None:
        return []  # they come with pip install '.[models]'
    found = []
    for name, aim in (("resnet50", "≤ 2.5 ×"), ("densenet201", "< 6 s")):
        ours = user_seconds(*SHAPECALC, "import", f"torchvision.models:{name}", "--input", "1x3x224x224")
        bare = user_seconds(sys.executable, "-c", BARE.format(name))
        what = f"`import torchvision.models:{name}` against torchvision and a build on meta, user time"
        found.append(row(what, ours, bare, f"{ours / bare:.1f} ×", aim))
    ours = user_seconds(
        *SHAPECALC, "import", f"{HERE / 'llama_7b.py'}:llama", "--input", "input_ids=1x128:int64"
    )
    bare = user_seconds(sys.executable, "-c", "import torch, transformers")
    what = "`import` of Llama 2 7B from its configuration against torch and transformers, user time"
    return [*found, row(what, ours, bare, f"{ours / bare:.1f} ×", "< 15 s")]


def user_seconds(*command: str, runs: int = 3) -> float:
    """The median of a process's own time."""
    found = []
    for _ in range(runs):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, command
        found.append(usage.ru_utime)
    return median(found)


def row(name: str, ours: float, theirs: float, ratio: str, bound: str) -> list[str]:
    return [name, ms(ours), ms(theirs), ratio, bound]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def main() -> None:
    rows: list[Sequence[str]] = [["what", "shapecalc", "the other", "ratio", "aim"], ["---"] * 5]
    rows += [
        cold_show(),
        cold_memory(),
        cold_list(),
        *language_models(),
        analysis(),
        export_of_resnet(),
        fresh_analysis(),
        *all_figures(),
        *symbolic(),
        verification(),
        onnx_file(),
        *imports(),
        *checkpoint(),
    ]
    rows += growth(repeated, "by `times`", 1_000_000)
    rows += growth(written_out, "written out", 30_000)  # almost as many as a file may have
    rows += commands()
    print("\n".join(f"| {' | '.join(cells)} |" for cells in rows))


if __name__ == "__main__":
    analyse_standard_input() if "--analyse" in sys.argv else main()
