"""A device, as its file describes it: peaks of operations by dtype, memory, each number with its source.

Peaks are dense: those that datasheets print "with sparsity" count products with zeros that are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from shapecalc.analysis.quantities import BANDWIDTH, MEMORY, OPERATIONS, read_quantity
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.language.document import read
from shapecalc.language.yaml_nodes import Scalar, Source, YamlMapping, YamlNode, kind
from shapecalc.tensors import BYTES
from shapecalc.zoo.files import text_of

DTYPES: Mapping[str, int] = {
    "float32": BYTES["float32"],
    "tf32": BYTES["float32"],
    "bfloat16": BYTES["bfloat16"],
    "float16": BYTES["float16"],
    "fp8": 1,
    "int8": BYTES["int8"],
}
"""What products are computed in → bytes of an element; tf32 is float32 whose factors are rounded."""
FOLDER = Path(__file__).parents[2] / "devices"
"""Those that come with shapecalc: in a checkout as in the wheel."""
MATRIX, VECTOR = "matrix units", "vector units"


class Peak(NamedTuple):
    """The most operations in a second, two for each multiply-accumulate."""

    operations: Fraction
    units: str
    """What does them: `MATRIX` or `VECTOR`."""
    dtype: str
    accumulate: str = ""
    """The dtype of sums, where the file says it."""
    source: str = ""


@dataclass(frozen=True)
class Device:
    """The figures of a device."""

    name: str
    form: str
    """Its form factor, on which peaks depend: SXM5, PCIe; nothing where the file does not say it."""
    memory: int
    """Bytes."""
    bandwidth: Fraction
    """Bytes in a second."""
    peaks: tuple[Peak, ...]
    sources: Mapping[str, str]
    cuda: str = ""
    """The name that torch.cuda.get_device_name gives it."""

    @property
    def title(self) -> str:
        return f"{self.name}, {self.form}" if self.form else self.name

    def products(self, dtype: str) -> Peak:
        """The highest peak of multiply-accumulates in a dtype, of whichever units.

        Raises:
            UsageError: the device has none.
        """
        found = [peak for peak in self.peaks if peak.dtype == dtype]
        if not found:
            known = listed(name for name in DTYPES if any(peak.dtype == name for peak in self.peaks))
            message = f"--dtype {dtype}: {self.title} has no peak for it"
            raise UsageError(message, hint=f"it has {known}")
        return max(found, key=lambda peak: peak.operations)

    def others(self, dtype: str) -> Peak | None:
        """The peak of operations beside products: of the vector units, in the dtype or else in float32."""
        own = {peak.dtype: peak for peak in self.peaks if peak.units == VECTOR}
        return own.get(dtype) or own.get("float32")

    def to_dict(self) -> dict[str, Any]:
        peaks = [{**peak._asdict(), "operations": float(peak.operations)} for peak in self.peaks]
        return {
            "name": self.name,
            "form": self.form,
            "memory": self.memory,
            "bandwidth": float(self.bandwidth),
            "peaks": peaks,
            "sources": dict(self.sources),
        }


def names() -> list[str]:
    """The devices that come with shapecalc."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def devices() -> list[Device]:
    """All of them."""
    return [load_device(name) for name in names()]


def load_device(name: str) -> Device:
    """A device by its name, or of a file.

    Raises:
        UsageError: there is no such device, or its file is wrong, and where.
    """
    known = names()
    if name in known:
        path = FOLDER / f"{name}.yaml"
    elif name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
    else:
        forms = " or ".join(one for one in known if one.startswith(f"{name.lower()}-"))
        near = f"did you mean {forms}? " if forms else f"{nearest(name, known) or ''} ".lstrip()
        hint = f"{near}devices: {listed(known, 40)}; or a file: mine.yaml"
        raise UsageError(f"there is no device {quoted(name)}", hint=hint)
    return read_device(Source(str(path), text_of(path)))


def read_device(source: Source) -> Device:
    """The device that a text describes.

    Raises:
        UsageError: a key is missing or unknown, or a number is none, has no unit, or is not above 0.
    """
    root = read(source)
    if not isinstance(root, YamlMapping):
        raise UsageError(f"{source.name}: a device is a mapping", hint=_HINT)
    return _Reading(source, root).device()


_HINT = "name, memory: {size: 8 GB, bandwidth: 50 GB/s}, vector: {float32: 100 GFLOP/s}"


class _Reading:
    def __init__(self, source: Source, root: YamlMapping) -> None:
        self.source = source
        self.root = root

    def device(self) -> Device:
        keys = self.keys(self.root, ("name", "memory"), ("form", "sources", "cuda", "matrix", "vector"))
        memory = self.keys(keys["memory"], ("size", "bandwidth"), ("source",))
        size, bandwidth = memory["size"], memory["bandwidth"]
        peaks = [
            peak
            for key, units in (("matrix", MATRIX), ("vector", VECTOR))
            if key in keys
            for peak in self.peaks(keys[key], units)
        ]
        if not peaks:
            raise self.error("no peak is given, under matrix or vector", self.root)
        form = self.text(keys["form"]) if "form" in keys else ""
        sources = self.texts(keys["sources"]) if "sources" in keys else {}
        return Device(
            self.text(keys["name"]),
            form,
            int(self.quantity(size, MEMORY, "24 GB")),
            self.quantity(bandwidth, BANDWIDTH, "900 GB/s"),
            tuple(peaks),
            sources,
            self.text(keys["cuda"]) if "cuda" in keys else "",
        )

    def peaks(self, node: YamlNode, units: str) -> list[Peak]:
        """The peaks of some units, by their dtypes."""
        return [self.peak(dtype, each, units) for dtype, each in self.keys(node, (), tuple(DTYPES)).items()]

    def peak(self, dtype: str, node: YamlNode, units: str) -> Peak:
        if isinstance(node, Scalar):
            return Peak(self.quantity(node, OPERATIONS, "19.5 TFLOP/s"), units, dtype)
        keys = self.keys(node, ("peak",), ("accumulate", "source"))
        more = {name: self.text(keys[name]) for name in ("accumulate", "source") if name in keys}
        return Peak(self.quantity(keys["peak"], OPERATIONS, "19.5 TFLOP/s"), units, dtype, **more)

    def keys(self, node: YamlNode, needed: tuple[str, ...], others: tuple[str, ...]) -> dict[str, YamlNode]:
        """The values of a mapping by its keys, which are those that are needed, and of the others any."""
        if not isinstance(node, YamlMapping):
            raise self.error(f"a mapping is needed here, not {kind(node)}", node)
        known = (*needed, *others)
        for name, (key, _) in node.entries.items():
            if name not in known:
                hint = nearest(name, known) or f"keys: {listed(known)}"
                raise self.error(f"the key {quoted(name)} is unknown", key, hint)
        for name in needed:
            if name not in node.entries:
                raise self.error(f"the key {name} is missing", node)
        return {name: value for name, (_, value) in node.entries.items()}

    def texts(self, node: YamlNode) -> dict[str, str]:
        if not isinstance(node, YamlMapping):
            raise self.error(f"a mapping of sources is needed here, not {kind(node)}", node)
        return {name: self.text(value) for name, (_, value) in node.entries.items()}

    def text(self, node: YamlNode) -> str:
        if not isinstance(node, Scalar) or not node.text:
            raise self.error(f"a text is needed here, not {kind(node)}", node)
        return node.text

    def quantity(self, node: YamlNode, units: tuple[str, ...], such: str) -> Fraction:
        """A number above 0 with its unit."""
        found = read_quantity(node.text) if isinstance(node, Scalar) else None
        if not found:
            raise self.error(
                f"a number with its unit is needed here, not {kind(node)}", node, f"as in {such}"
            )
        number, unit = found
        value = found.of(units) if unit else None
        if value is None:
            what = f"the unit {quoted(unit)} is unknown here" if unit else f"{number} has no unit"
            raise self.error(what, node, f"as in {such}")
        if value <= 0:
            raise self.error(f"{number} {unit} is not above 0", node)
        return value

    def error(self, message: str, node: YamlNode, hint: str = _HINT) -> UsageError:
        return UsageError(message, hint=hint, place=self.source.place_of(node))
