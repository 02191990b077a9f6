"""Room that a figure has: on the page of the report, or in a column of a journal.

Sizes are in pixels of the figure, of which letters have `theme.LETTERS_PX`. A journal's column of some mm, with letters
of some points, is so many pixels wide: a figure is laid out anew for them, and printed at the width of the column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Most of the width that names beside an axis take in a column, and in pixels anywhere; longer ones go on in a further
# line. At half words are broken, at double names leave no room for the axis.
_MAX_LABEL_PART, _MAX_LABEL_PX = 0.3, 170


@dataclass(frozen=True)
class Layout:
    """Room of a figure.

    Attributes
    ----------
    width_px : float
        Of the whole figure; infinite on the page, where each has its usual size.
    axes_px : float
        Sum of the lengths of the axes beside each other; nan on the page.
    """

    width_px: float = math.inf
    axes_px: float = math.nan

    @property
    def is_page(self) -> bool:
        """True where figures have their usual sizes."""
        return math.isinf(self.width_px)

    @property
    def label_px(self) -> float:
        """Width of the names beside an axis."""
        return min(_MAX_LABEL_PX, _MAX_LABEL_PART * self.width_px)

    @property
    def title_weight(self) -> str:
        """Weight of the letters of a title: a printed figure has one font, and journals set panels' titles so."""
        return "bold" if self.is_page else "normal"

    def columns(self, panels: int, usual: int, least_px: float) -> int:
        """Return the number of panels beside each other: as usual, or as many as have room with their labels."""
        return max(1, min(panels, usual, panels if self.is_page else int(self.width_px // least_px)))

    def panel_px(self, usual: int, columns: int = 1) -> int:
        """Return the length of the level axis of a panel."""
        return usual if self.is_page else int(self.axes_px // columns)


PAGE = Layout()
