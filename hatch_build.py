"""The description of the package: README.md with links that also work outside the repository."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A picture or a link to a file of the repository, which an index does not have.
_RELATIVE = re.compile(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?!https?:)(?P<path>[^)]+)\)")


def description(readme: str, repository: str = "") -> str:
    """Return a README with absolute links; without an address of the repository, with the words of its links alone."""

    def absolute(link: re.Match[str]) -> str:
        if not repository:
            return "" if link["picture"] else link["words"]
        kind = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{link['words']}]({repository}/{kind}/main/{link['path']})"

    return re.sub(r"\n{3,}", "\n\n", _RELATIVE.sub(absolute, readme))


class Readme(MetadataHookInterface):
    """The field `readme` of the metadata."""

    def update(self, metadata: dict) -> None:
        """Set the field."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = description(readme, metadata.get("urls", {}).get("Repository", ""))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
