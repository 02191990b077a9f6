"""Writer of episodic recordings as ABF 2.6 or ABF 1.84, with the header and epoch table that Clampex writes.

The simulator needs files that real readers accept as recordings: samples, channels and protocol together.
`nernstfit.abf.layout` describes both formats. A channel states its full scale in its own unit; the scale
factor is derived from it, so that the full scale means the same with and without a telegraph. Samples are
counts of a converter of +-10 V in 32,768 steps either way, or float32. The unit of `fSynchTimeUnit` is
the time from one converted sample to the next, whatever their channels.

Nothing depends on the clock or on chance: dates are fixed, the file's identifier is zero, and the same
recording gives the same bytes. Fields without a value are zero.
"""

from __future__ import annotations

from pathlib import Path

from nernstfit.simulate import abf1_writer, abf2_writer
from nernstfit.simulate.recording import EpisodicRecording, check

_WRITERS = {"2.6": abf2_writer.pack, "1.84": abf1_writer.pack}


def write_abf(path: Path, version: str, recording: EpisodicRecording) -> None:
    """Write an episodic recording as an ABF file.

    Parameters
    ----------
    path : Path
        File to write; an existing one is replaced.
    version : str
        "2.6" or "1.84".
    recording : EpisodicRecording

    Raises
    ------
    ValueError
        If the recording contradicts itself or does not fit into the format.
    """
    if version not in _WRITERS:
        raise ValueError(f"ABF version {version!r} cannot be written, only {' and '.join(_WRITERS)}.")
    check(recording)
    path.write_bytes(_WRITERS[version](recording))
