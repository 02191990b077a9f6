"""Names of columns that a user typed: which known column a name is another spelling of.

A name that is near to a known one is refused, because it would be carried along as a column of the user's own while the
program goes on without the value. Three rules decide, and each leaves plausible columns of a user's own alone
(`date`, `experimenter`, `notes`, `file`, `drug`, `sex`, `cell_type`, `age_days`, `dose_uM`, `well`, `patch`):

- the same letters, whatever case, blanks, underscores and brackets: `Group`, `from ms`;
- the same quantity without its unit or in another, where the known name has a unit: `temperature`, `temperature_K`,
  `capacitance (nF)`. How values in another unit are converted is told, and they are not read. `cell_pF` or `leak_nS`
  are other quantities: `cell` and `leak` have no unit;
- a slip of the keys: one letter exchanged, left out, added or replaced (two in a long name), the first letter being
  right, as it is in nearly all misspellings (Kukich 1992, ACM Comput Surv 24:377). So `bacth` is `batch`, while
  `patch`, `well`, `path`, `line` and `peak`, one letter from a known name, are words of their own. A further digit
  makes another name (`group2`), and names of four letters, which have many neighbours, allow an added or exchanged
  letter only.

A column that the table has besides under its right name is not what the other one means, unless both have the same
letters: then nobody knows which of the two is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# Letters from which one letter may be left out or replaced, and from which two may: a word of four letters turns into
# other words by one (`bath`, `bash`), one of ten hardly does by two. At half, words of a user's own would be refused;
# at double, `gruop` or `tempreture_C` would be taken for one.
_LETTERS_FOR_ONE, _LETTERS_FOR_TWO = 5, 10
# Units of each kind of quantity as multiples of one of them (SI; 1 mmHg = 133.322 Pa, 1 cal = 4.184 J), so that the
# factor between what was typed and what is expected can be said. Letters are those of a folded name without `per`; a
# unit of two kinds (`f`: farad and Fahrenheit) is that of the quantity behind which it stands.
_SIZES = {
    "voltage": {"v": 1.0, "mv": 1e-3, "uv": 1e-6},
    "current": {"a": 1.0, "ma": 1e-3, "ua": 1e-6, "na": 1e-9, "pa": 1e-12, "fa": 1e-15},
    "resistance": {"ohm": 1.0, "kohm": 1e3, "mohm": 1e6, "gohm": 1e9},
    "conductance": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12},
    "capacitance": {"f": 1.0, "uf": 1e-6, "nf": 1e-9, "pf": 1e-12, "ff": 1e-15},
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0},
    "pressure": {"mmhg": 133.322, "kpa": 1e3, "hpa": 1e2, "pa": 1.0, "bar": 1e5, "atm": 101325.0},
    "concentration": {"m": 1.0, "mm": 1e-3, "um": 1e-6, "nm": 1e-9},
    "fraction": {"fraction": 1.0, "percent": 1e-2},
    "length": {"a": 1e-10, "nm": 1e-9, "pm": 1e-12},
    "molar mass": {"gmol": 1.0, "kgmol": 1e3, "da": 1.0, "kda": 1e3},
    "molar energy": {"jmol": 1.0, "kjmol": 1e3, "calmol": 4.184, "kcalmol": 4184.0},
    "molar volume": {"cm3mol": 1.0, "mlmol": 1.0, "lmol": 1e3},
}
_TEMPERATURES = {"k": "less 273.15", "f": "less 32, times 5/9"}
_SPELLINGS = {
    "mv": ("millivolt", "millivolts"),
    "v": ("volt", "volts"),
    "uv": ("\u03bcv", "microvolt"),
    "ua": ("\u03bca", "microampere"),
    "na": ("nanoampere",),
    "pa": ("picoampere",),
    "mohm": ("m\u03c9", "megaohm", "megohm"),
    "kohm": ("k\u03c9",),
    "ohm": ("\u03c9", "ohms"),
    "gohm": ("g\u03c9",),
    "pf": ("picofarad",),
    "uf": ("\u03bcf",),
    "f": ("\u00b0f", "degf", "fahrenheit"),
    "c": ("\u00b0c", "\u00b0", "degc", "celsius"),
    "k": ("kelvin",),
    "percent": ("pct", "%"),
    "s": ("sec", "seconds"),
    "ms": ("msec", "milliseconds"),
    "us": ("\u03bcs", "usec"),
    "min": ("minutes",),
    "h": ("hours",),
    "mmhg": ("torr",),
    "hpa": ("mbar",),
    "m": ("moll", "molar"),
    "mm": ("mmoll",),
    "um": ("\u03bcm", "umoll", "\u03bcmoll"),
    "nm": ("nmoll",),
}
_UNIT_OF = {unit: unit for sizes in _SIZES.values() for unit in sizes} | {unit: unit for unit in ("c", *_TEMPERATURES)}
_UNIT_OF |= {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}


@dataclass(frozen=True)
class Meant:
    """Known column that a name is another spelling of.

    Attributes
    ----------
    typed, known : str
    unit : str
        Unit of the known column as its name spells it; '' where it has none.
    conversion : str or None
        Where the typed name has a unit, how its values become those of the known column: '' of the same unit, else
        words. None of a name without a unit.
    """

    typed: str
    known: str
    unit: str
    conversion: str | None

    @property
    def is_same_unit(self) -> bool:
        """Return False where the values are in another unit, so that they cannot be read under the known name."""
        return not self.conversion

    @property
    def advice(self) -> str:
        """Return the sentence on what to do with the values."""
        if self.conversion:
            return f"Give its values in {self.unit}{self.conversion}: a new name alone does not convert them"
        return "Rename it" if self.conversion == "" or not self.unit else f"Rename it if its values are in {self.unit}"

    def __str__(self) -> str:
        return (
            f"column '{self.typed}' is not known; did you mean '{self.known}'? {self.advice}, or give it another name "
            "if it is your own"
        )


def misspelt(typed: Collection[str], known: Mapping[str, Collection[str]]) -> Iterator[Meant]:
    """Yield the columns of a table that are other spellings of known ones which the table lacks.

    Parameters
    ----------
    typed : collection of str
        Columns of the table.
    known : mapping of str to collection of str
        Every column that the table may have, with other names of its quantity.
    """
    absent = {name: also for name, also in known.items() if name not in typed}
    for name in typed:
        if name not in known and (meant := _meant(name, absent)):
            yield Meant(name, meant, _typed_unit(meant), _conversion(name, meant))


def conversion(typed: str, known: Iterable[str]) -> str:
    """Return the words on how values of a name become those of a known name in another unit; '' where there is none.

    Parameters
    ----------
    typed : str
        Name that is not known.
    known : iterable of str
        Names with the unit as their last part.
    """
    quantity, unit = _split(typed)
    for name in known:
        if (
            unit
            and _split(name)[0] == quantity
            and _kinds(unit, _split(name)[1])
            and (words := _conversion(typed, name))
        ):
            return f"values in {_typed_unit(name)}{words}"
    return ""


def doubled(typed: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Return the columns that have the letters of a known column which the table has too, each with its fault.

    Parameters
    ----------
    typed : collection of str
        Columns of the table.
    known : collection of str
        Every column that the table may have.
    """
    letters = {name: (_plain(name), _split(name)[1]) for name in typed}
    present = {letters[name]: name for name in typed if name in known}
    return {
        name: f"column '{name}' stands beside '{present[own]}', from which it differs in case, blanks or signs only; "
        "expected one of them, or another name for a column of your own"
        for name, own in letters.items()
        if name not in known and own in present
    }


def _meant(name: str, known: Mapping[str, Collection[str]]) -> str:
    """Return the known column that a name is a spelling of; '' where there is none."""
    plain, quantity = _plain(name), _split(name)[0]
    same = [each for each in known if _plain(each) == plain]
    alike = [each for each in known if _has_unit(each) and _split(each)[0] == quantity]
    same += sorted(alike, key=lambda each: not _is_kind(name, each))  # from_s is from_ms, not from_fraction
    same += [each for each, also in known.items() if quantity in map(_plain, also) and _is_kind(name, each)]
    if same:
        return same[0]
    slips = {
        each: min(_slips(plain, _plain(each)), _slips(quantity, _split(each)[0]) if _has_unit(each) else len(plain))
        for each in known
    }
    near = [each for each in known if slips[each] <= _allowed_slips(plain, each)]
    return min(near, key=slips.__getitem__, default="")


def _allowed_slips(plain: str, known: str) -> int:
    right = _split(known)[0] if _has_unit(known) else _plain(known)
    if re.sub(r"\D", "", plain) != re.sub(r"\D", "", right):
        return 0
    if sorted(plain) == sorted(right) and len(right) >= _LETTERS_FOR_ONE - 1:
        return 1  # two letters exchanged, be it the first two
    if plain[:1] != right[:1]:
        return 0
    if len(right) < _LETTERS_FOR_ONE:
        return int(len(right) == _LETTERS_FOR_ONE - 1 < len(plain))
    return 2 if len(right) >= _LETTERS_FOR_TWO else 1


def is_unit(text: str) -> bool:
    """Return True where a text is the unit of a quantity, as in a second row of headings."""
    return bool(_split(f"quantity {text.strip('()[] ')}")[1])


def _is_kind(name: str, known: str) -> bool:
    """Return False where a name has a unit that the known one cannot have: `I_h` is no current in hours."""
    unit, right = _split(name)[1], _split(known)[1]
    return unit in ("", right, "percent", "fraction") or bool(_kinds(unit, right))


def _kinds(unit: str, right: str) -> list[tuple[float, float]]:
    """Return the sizes of two units in each kind of quantity that both are of; zeros for temperatures."""
    found = [(sizes[unit], sizes[right]) for sizes in _SIZES.values() if unit in sizes and right in sizes]
    return found or [(0.0, 0.0)] * (right == "c" and unit in _TEMPERATURES)


def _conversion(name: str, known: str) -> str | None:
    """Return the conversion of `Meant`."""
    unit, right = _split(name)[1], _split(known)[1]
    if not unit:
        return None
    if unit == right or not right:
        return ""
    if right == "c" and unit in _TEMPERATURES:
        return f" (those in {_typed_unit(name)} {_TEMPERATURES[unit]})"
    sizes = _kinds(unit, right)
    if not sizes:
        return f", not in {_typed_unit(name)}"
    factor, inverse = (float(f"{ratio:.6g}") for ratio in (sizes[0][0] / sizes[0][1], sizes[0][1] / sizes[0][0]))
    typed = "fractions" if unit == "fraction" else f"those in {_typed_unit(name)}"
    by = f"divided by {inverse:,.15g}" if factor < 1 and inverse.is_integer() else f"times {factor:,.15g}"
    return f" ({typed} {by})" if factor != 1 else ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _plain(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    return re.sub(r"[\W_]", "", _folded(name))


def _split(name: str) -> tuple[str, str]:
    """Return the quantity that a name gives, and its unit; '' where it has none."""
    parts = _parts(name)
    n = _unit_length(parts)
    unit = _unit_of(parts[-n:]) if n else ""
    rest = [part.casefold() for part in parts[: len(parts) - n]]
    if unit and len(rest) > 1 and rest[-1] == "in":  # temperature in C
        rest.pop()
    return "".join(rest), unit


def _typed_unit(name: str) -> str:
    """Return the unit of a name as it is spelled there; '' where it has none."""
    parts = _parts(name)
    n = _unit_length(parts)
    return "/".join(part for part in parts[-n:] if part.casefold() != "per") if n else ""


def _parts(name: str) -> list[str]:
    return re.findall(r"\u00b0?[^\W_]+|[\u00b0%]", unicodedata.normalize("NFKC", name))


def _unit_length(parts: Sequence[str]) -> int:
    """Return how many of the last parts of a name are its unit, as one of `mV` and three of `kJ_per_mol`."""
    return next((n for n in (3, 2, 1) if n < len(parts) and _unit_of(parts[-n:])), 0)


def _unit_of(parts: Sequence[str]) -> str:
    letters = "".join(part for part in parts if part.casefold() != "per")
    return "" if letters == "Na" else _UNIT_OF.get(letters.casefold(), "")  # I_Na is no current in nA


def _has_unit(known: str) -> bool:
    return bool(_split(known)[1])


def _slips(one: str, other: str) -> int:
    """Return the number of letters exchanged, left out, added or replaced between two names."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        rows.append([i])
        for j, b in enumerate(other, start=1):
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i].append(best)
    return rows[-1][-1]
