"""Parts that both formats of ABF have in common, as bytes: texts, blocks, synch array, tags."""

from __future__ import annotations

from nernstfit.abf import layout
from nernstfit.abf.records import EPOCH_LETTERS, Epoch, UserList, Waveform
from nernstfit.simulate.recording import EpisodicRecording

# Fixed, so that the same recording gives the same bytes.
FILE_DATE = 20200101
CREATOR, CREATOR_VERSION = "Clampex", (10, 7, 0, 3)
PROTOCOL_PATH = "simulated.pro"  # pyABF reports no protocol without this ending
MULTICLAMP_700 = 24  # code of the telegraphing amplifier
DAC_SCALE_MV_PER_V = 20.0  # of a voltage-clamp amplifier's command input
_COMMENT_TAG = 1  # code of a tag that the user typed


def blocks(size: int) -> int:
    """Return the number of blocks that hold so many bytes."""
    return -(-size // layout.BLOCK)


def filled(data: bytes) -> bytes:
    """Return the data with zeros up to the end of its last block."""
    return data.ljust(blocks(len(data)) * layout.BLOCK, b"\0")


def encoded(text: str, label: str) -> bytes:
    """Return a text as bytes.

    Raises
    ------
    ValueError
        If it has characters that a file cannot hold; `label` names the text in the message.
    """
    try:
        found = text.encode("cp1252")
    except UnicodeEncodeError:
        raise ValueError(f"The {label} {text!r} has characters an ABF file cannot hold.") from None
    if not text.isprintable():
        raise ValueError(f"The {label} {text!r} has control characters.")
    return found


def padded(text: str, width: int, label: str) -> bytes:
    """Return a text as bytes, filled up with spaces.

    Raises
    ------
    ValueError
        If it is longer than `width` bytes, or has characters that a file cannot hold.
    """
    found = encoded(text, label)
    if len(found) > width:
        raise ValueError(f"The {label} {text!r} has {len(found)} bytes, more than {width}.")
    return found.ljust(width)


def user_list_text(user_list: UserList) -> str:
    """Return the values with a comma between them, whole numbers without a point as durations need them."""
    return ",".join(str(float(value)).removesuffix(".0") for value in user_list.values)


def epoch_number(epoch: Epoch) -> int:
    """Return the number of an epoch: A is 0."""
    return EPOCH_LETTERS.index(epoch.letter)


def idle_waveform(number: int) -> Waveform:
    """Return a DAC that nobody described, under the name that Clampex gives it."""
    name = f"Cmd {number}" if number < layout.ABF1_OUTPUTS else f"AO #{number}"
    return Waveform(number, name, "mV", 0.0, "none", (), keeps_last_level=False)


def synch_array(recording: EpisodicRecording) -> list[bytes]:
    """Return the entry of each sweep in the synch array."""
    return [
        layout.SYNCH.pack(
            {
                "lStart": recording.ticks(sweep * recording.sweep_interval_s),
                "lLength": recording.samples_per_sweep,
            }
        )
        for sweep in range(recording.sweeps)
    ]


def tag_entries(recording: EpisodicRecording) -> list[bytes]:
    """Return the entry of each tag."""
    return [
        layout.TAG.pack(
            {
                "lTagTime": recording.ticks(tag.time_s),
                "sComment": padded(tag.comment, layout.TAG.fields["sComment"].item_bytes, "tag"),
                "nTagType": _COMMENT_TAG,
            }
        )
        for tag in recording.tags
    ]
